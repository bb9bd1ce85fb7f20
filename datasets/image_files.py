"""Picture files of one's own: which files of a folder they are, their sizes, and their pixels."""

from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from icdpm.errors import IcdpmError

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
_EIGHT_BIT = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
_ON_ITS_SIDE = {5, 6, 7, 8}  # EXIF orientations that exchange width and height
_TIFF_WIDTH, _TIFF_HEIGHT = ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength
# What Pillow raises for damaged files.
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, KeyError, EOFError, struct.error, Image.DecompressionBombError)

Size = tuple[int, int]  # width, height


def find_images(folder: Path) -> dict[str, Path]:
    """All picture files of a folder and the folders below it, by name, sorted.

    A name is the path relative to the folder, without its suffix and with hyphens for slashes, as a folder of pairs has
    no folders in it: sequence/000001.png is sequence-000001.

    Raises IcdpmError where there is no such folder or no picture in it, and for two files of one name.
    """
    if not folder.is_dir():
        raise IcdpmError(f"{folder}: no such folder")
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in ENDINGS or path.name.startswith("."):
            continue
        name = "-".join(path.relative_to(folder).with_suffix("").parts)
        if name in found:
            raise IcdpmError(f"{path}: would have the same name as {found[name]}; rename one of them")
        found[name] = path
    if not found:
        raise IcdpmError(f"{folder}: no pictures ({', '.join(sorted(ENDINGS))})")
    return found


def image_size(path: Path) -> Size:
    """Width and height after EXIF orientation, without decoding. Raises IcdpmError where it is no 8-bit picture."""
    with _opened(path) as image:
        # Not image.getexif(): that of a PNG decodes the whole picture to look behind it too.
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
        # Some versions of Pillow give a TIFF's size as if already turned, others do not; its own tags are plain.
        tiff = image.format == "TIFF"
        width, height = (image.tag_v2[_TIFF_WIDTH], image.tag_v2[_TIFF_HEIGHT]) if tiff else image.size
    return (height, width) if orientation in _ON_ITS_SIDE else (width, height)


def read_image(path: Path) -> np.ndarray:
    """The picture's pixels, upright, uint8 [H, W, 3]: gray ones with three equal channels, alpha dropped.

    Raises IcdpmError where the file is damaged or truncated, or does not have 8 bits a channel.
    """
    with _opened(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The picture in a file, for reading; what is wrong with it becomes an IcdpmError that names the file."""
    try:
        with Image.open(path) as image:
            if image.mode not in _EIGHT_BIT:  # Pillow would clip it
                raise IcdpmError(f"{path} does not have 8 bits a channel (Pillow mode {image.mode}): convert it")
            yield image
    except IcdpmError:
        raise
    except _DAMAGE as error:
        raise IcdpmError(f"{path} cannot be read as a picture ({error}): replace or remove it") from error


_ROOM = 256 << 20  # bytes


class ImageCache:
    """Picture files: their sizes from the start, their pixels as they are wanted.

    Decoded pictures stay in memory until 256 MiB are full. Each epoch wants every picture once, so the first ones are
    kept for good, which serves some of them from memory; dropping the oldest instead would serve none.

    Attributes:
      sizes: {file: (width, height)}.
    """

    def __init__(self, paths: Iterable[Path]):
        """Reads the header of every file. Raises IcdpmError, naming it, where one is no picture of 8 bits."""
        self.sizes = {path: image_size(path) for path in paths}
        self._kept: dict[Path, np.ndarray] = {}
        self._room = _ROOM
        self._lock = threading.Lock()

    def read(self, path: Path) -> np.ndarray:
        """The pixels of one of the files, upright, uint8 [H, W, 3], read-only; several threads may ask at once.

        Raises IcdpmError where the file is damaged or truncated, or has another size than in the beginning.
        """
        if path in self._kept:
            return self._kept[path]
        pixels = read_image(path)
        height, width, _ = pixels.shape
        if (width, height) != self.sizes[path]:
            raise IcdpmError(
                "{} is {}×{} px and was {}×{} px when the folder was opened: if nobody changed it, save it again without "
                "EXIF orientation".format(path, width, height, *self.sizes[path])
            )
        pixels.setflags(write=False)
        with self._lock:
            if path not in self._kept and pixels.nbytes <= self._room:
                self._room -= pixels.nbytes
                self._kept[path] = pixels
        return pixels

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError where a picture is narrower or lower than `crop` pixels."""
        for path, (width, height) in self.sizes.items():
            if min(width, height) < crop:
                raise IcdpmError(
                    f"{path} is {width}×{height} px, too small for crops of {crop} px: remove it or use smaller crops"
                )
