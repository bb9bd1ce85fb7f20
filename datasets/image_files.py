"""Image files of a user's own data: discovery, sizes, pixels, and a cache of decoded images."""

from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin

from icdpm.errors import IcdpmError
from icdpm.images.codecs import is_png16, is_tiff, read_tiff_layout
from icdpm.images.reading import read_rgb
from icdpm.images.search import find_image_files

_EIGHT_BIT = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
_TRANSPOSED = {5, 6, 7, 8}  # EXIF orientations that exchange width and height
_TIFF_WIDTH, _TIFF_HEIGHT = ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength
# Raised by Pillow for damaged files.
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, KeyError, EOFError, struct.error, Image.DecompressionBombError)
CACHE_BYTES = 256 << 20
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_START = 64  # bytes that state the format and PNG's depth

Size = tuple[int, int]  # width, height


def find_images(folder: Path) -> dict[str, Path]:
    """Finds all image files in a folder and its subfolders, by the rule of `icdpm.images.search`.

    Returns:
      {name: file}, sorted. A name is the path below the folder without suffix, with hyphens in place of slashes:
      'sequence-000001' for sequence/000001.png.

    Raises:
      IcdpmError: the folder does not exist or has no images, or two files have the same name.
    """
    found: dict[str, Path] = {}
    for path in find_image_files(folder):
        name = "-".join(path.relative_to(folder).with_suffix("").parts)
        if name in found:
            raise IcdpmError(f"{path} and {found[name]} have the same name, {name}. Rename one of them.")
        found[name] = path
    return found


def image_size(path: Path) -> Size:
    """Returns width and height after EXIF orientation, without decoding (except AVIF and HEIC files).

    Raises:
      IcdpmError: the file is not an image with 8 or 16 bits per channel.
    """
    if (kind := _special_kind(path)) == "TIFF":
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            width, height = page.imagewidth, page.imagelength
            orientation = page.tags.valueof(int(ExifTags.Base.Orientation), 1)
        return (height, width) if orientation in _TRANSPOSED else (width, height)
    if kind == "ISO":
        height, width, _ = read_rgb(path).shape
        return width, height
    with _open(path, is_deep=kind == "PNG") as image:
        # Pillow's getexif of a PNG would decode the whole image, because metadata may follow it.
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
        # Versions of Pillow differ in whether a TIFF's size is that after orientation; its tags are unambiguous.
        tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else None
        width, height = (tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT]) if tags is not None else image.size
    return (height, width) if orientation in _TRANSPOSED else (width, height)


def is_deep(path: Path) -> bool:
    """Returns whether a file has more than 8 bits per channel, which `read_pixels` returns as 16. Only the header is read."""
    kind = _special_kind(path)
    return kind in ("PNG", "TIFF") or (kind == "ISO" and read_rgb(path).dtype == np.uint16)


def read_image(path: Path) -> np.ndarray:
    """Returns the pixels of an image, upright, uint8 [H, W, 3]; 16 bits are rounded to 8.

    Gray is repeated in all channels; alpha is dropped.

    Raises:
      IcdpmError: the file is damaged, or does not have 8 or 16 bits per channel.
    """
    pixels = read_pixels(path)
    return pixels if pixels.dtype == np.uint8 else np.round(pixels / 257).astype(np.uint8)


def read_pixels(path: Path) -> np.ndarray:
    """Returns the pixels of an image as `read_image` does, but uint16 if it has 16 bits per channel."""
    if _special_kind(path) is not None:
        return read_rgb(path)
    with _open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def to_dtype(image: np.ndarray, dtype: npt.DTypeLike) -> np.ndarray:
    """Returns an image of 8 bits in 16, without loss, if `dtype` is uint16; otherwise the image itself."""
    return image.astype(np.uint16) * 257 if dtype == np.uint16 and image.dtype == np.uint8 else image


def _special_kind(path: Path) -> str | None:
    """Returns 'PNG' or 'TIFF' for files of 16 bits, 'ISO' for AVIF and HEIC, which `read_rgb` reads; None for all others.

    Damaged and missing files are among the others; the error of reading them names them.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(_START)
            if start[4:8] == b"ftyp":
                return "ISO"
            if start.startswith(_PNG_SIGNATURE):
                return "PNG" if is_png16(start) else None
            if not is_tiff(start):
                return None
            file.seek(0)
            return "TIFF" if read_tiff_layout(file).bits == 16 else None
    # tifffile raises any exception for damaged files.
    except Exception:
        return None


@contextlib.contextmanager
def _open(path: Path, is_deep: bool = False) -> Iterator[Image.Image]:
    """Opens an image, and converts errors to IcdpmError with the file's name."""
    try:
        with Image.open(path) as image:
            if image.mode not in _EIGHT_BIT and not is_deep:  # Pillow would clip it
                raise IcdpmError(f"{path} does not have 8 or 16 bits per channel (Pillow mode {image.mode}). Convert it.")
            yield image
    except IcdpmError:
        raise
    except _DAMAGE as error:
        raise IcdpmError(f"{path} cannot be read as an image ({error}). Replace or remove it.") from error


class ImageCache:
    """Image files whose decoded pixels are kept until the cache is full.

    Each epoch reads every image once. The first images are therefore kept for good, which serves a part of the reads from
    memory; a cache that drops the oldest image would serve none.

    Args:
      paths: the files, whose headers are read.
      max_bytes: bytes of decoded pixels to keep.
      keep_depth: images are uint16 if a file has 16 bits per channel. Otherwise 16 bits are rounded to 8.

    Attributes:
      sizes: {file: (width, height)}.
      dtype: of all images.

    Raises:
      IcdpmError: a file is not an image with 8 or 16 bits per channel.
    """

    def __init__(self, paths: Iterable[Path], max_bytes: int | None = None, keep_depth: bool = False) -> None:
        self.sizes = {path: image_size(path) for path in paths}
        self.dtype = np.dtype(np.uint16 if keep_depth and any(map(is_deep, self.sizes)) else np.uint8)
        self._images: dict[Path, np.ndarray] = {}
        self._free_bytes = CACHE_BYTES if max_bytes is None else max_bytes
        self._lock = threading.Lock()

    def read(self, path: Path) -> np.ndarray:
        """Returns the pixels of a file, upright, `dtype` [H, W, 3], read-only. Is thread-safe.

        Raises:
          IcdpmError: the file is damaged, or its size has changed.
        """
        if path in self._images:
            return self._images[path]
        pixels = read_image(path) if self.dtype == np.uint8 else to_dtype(read_pixels(path), self.dtype)
        height, width, _ = pixels.shape
        if (width, height) != self.sizes[path]:
            raise IcdpmError(
                "{} is {}×{} px, but was {}×{} px when the folder was opened. If nobody has changed it, save it without EXIF "
                "orientation.".format(path, width, height, *self.sizes[path])
            )
        pixels.setflags(write=False)
        with self._lock:
            if path not in self._images and pixels.nbytes <= self._free_bytes:
                self._free_bytes -= pixels.nbytes
                self._images[path] = pixels
        return pixels

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError if an image is smaller than `crop` pixels in height or width."""
        for path, (width, height) in self.sizes.items():
            if min(width, height) < crop:
                raise IcdpmError(
                    f"{path} is {width}×{height} px, too small for crops of {crop} px. Remove it or use smaller crops."
                )
