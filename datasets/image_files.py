"""Image files of a user's own data: discovery, sizes, pixels, and a cache of decoded images."""

from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin

from icdpm.errors import IcdpmError
from icdpm.images.search import find_image_files

_EIGHT_BIT = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
_TRANSPOSED = {5, 6, 7, 8}  # EXIF orientations that exchange width and height
_TIFF_WIDTH, _TIFF_HEIGHT = ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength
# Raised by Pillow for damaged files.
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, KeyError, EOFError, struct.error, Image.DecompressionBombError)
CACHE_BYTES = 256 << 20

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
    """Returns width and height after EXIF orientation, without decoding.

    Raises:
      IcdpmError: the file is not an image with 8 bits per channel.
    """
    with _open(path) as image:
        # Pillow's getexif of a PNG would decode the whole image, because metadata may follow it.
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
        # Versions of Pillow differ in whether a TIFF's size is that after orientation; its tags are unambiguous.
        tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else None
        width, height = (tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT]) if tags is not None else image.size
    return (height, width) if orientation in _TRANSPOSED else (width, height)


def read_image(path: Path) -> np.ndarray:
    """Returns the pixels of an image, upright, uint8 [H, W, 3]. Gray is repeated in all channels; alpha is dropped.

    Raises:
      IcdpmError: the file is damaged, or does not have 8 bits per channel.
    """
    with _open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    """Opens an image, and converts errors to IcdpmError with the file's name."""
    try:
        with Image.open(path) as image:
            if image.mode not in _EIGHT_BIT:  # Pillow would clip it
                raise IcdpmError(f"{path} does not have 8 bits per channel (Pillow mode {image.mode}). Convert it.")
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

    Attributes:
      sizes: {file: (width, height)}.

    Raises:
      IcdpmError: a file is not an image with 8 bits per channel.
    """

    def __init__(self, paths: Iterable[Path], max_bytes: int | None = None) -> None:
        self.sizes = {path: image_size(path) for path in paths}
        self._images: dict[Path, np.ndarray] = {}
        self._free_bytes = CACHE_BYTES if max_bytes is None else max_bytes
        self._lock = threading.Lock()

    def read(self, path: Path) -> np.ndarray:
        """Returns the pixels of a file, upright, uint8 [H, W, 3], read-only. Is thread-safe.

        Raises:
          IcdpmError: the file is damaged, or its size has changed.
        """
        if path in self._images:
            return self._images[path]
        pixels = read_image(path)
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
        """Raises IcdpmError if an image is narrower or lower than `crop` pixels."""
        for path, (width, height) in self.sizes.items():
            if min(width, height) < crop:
                raise IcdpmError(
                    f"{path} is {width}×{height} px, too small for crops of {crop} px. Remove it or use smaller crops."
                )
