"""One's own pairs: a folder with `blur` and `sharp` in it, matched by file name."""

from __future__ import annotations

import collections
import os
import pathlib
import struct
from collections.abc import Iterable

import numpy as np
from PIL import ExifTags, Image, ImageOps

from icdpm.errors import IcdpmError

_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
_EIGHT_BIT = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
_ON_ITS_SIDE = {5, 6, 7, 8}  # EXIF orientations that exchange width and height
_TIFF_WIDTH, _TIFF_HEIGHT = ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength
# What Pillow raises for damaged files.
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, KeyError, EOFError, struct.error, Image.DecompressionBombError)
_MOST_NAMES = 10  # told one by one; the rest are counted
_KEPT_BYTES = 256 << 20

Size = tuple[int, int]  # width, height


class FolderPairs:
    """The pairs of `path/blur` and `path/sharp`: blur/a.jpg belongs to sharp/a.png, whatever their order.

    PNG, JPEG, BMP, TIFF and WebP of 8 bits; gray pictures get three equal channels, alpha is dropped, EXIF orientation
    applied. Other files and hidden ones are left alone. Decoded pictures are kept in memory until 256 MiB are full.

    Attributes:
      names: the file names without ending, sorted.
      description: one line for logs.
    """

    def __init__(self, path: str | os.PathLike[str]):
        """Reads the header of every picture.

        Raises IcdpmError for a missing or empty folder, a name without a partner, a name that occurs twice, a file that
        is no picture of 8 bits, and a pair of two sizes.
        """
        folder = pathlib.Path(path)
        blurry, sharp = _pictures(folder / "blur"), _pictures(folder / "sharp")
        _require_partners(folder, blurry, sharp)
        self.names = sorted(blurry)
        self._files = [(blurry[name], sharp[name]) for name in self.names]
        self._sizes = [_common_size(*files) for files in self._files]
        self.description = f"{len(self)} pairs in {folder}"
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._room = _KEPT_BYTES

    def __len__(self) -> int:
        return len(self.names)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The pair (blurry, sharp) at `index`, uint8 [H, W, 3], read-only.

        Raises IcdpmError where a file is damaged or truncated, or has another size than when the folder was opened.
        """
        if index in self._kept:
            return self._kept[index]
        pair = tuple(_decode(file, self._sizes[index]) for file in self._files[index])
        # Each epoch wants every pair once. Keeping the first ones for good serves some of them from memory; dropping
        # the oldest instead would serve none.
        size = sum(picture.nbytes for picture in pair)
        if size <= self._room:
            self._room -= size
            self._kept[index] = pair
        return pair

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError where a picture is narrower or lower than `crop` pixels."""
        for (file, _), (width, height) in zip(self._files, self._sizes):
            if min(width, height) < crop:
                raise IcdpmError(
                    f"{file} is {width}×{height} px, too small for crops of {crop} px: "
                    "remove the pair or use smaller crops."
                )


def _pictures(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The pictures in a folder by name without ending.

    Raises IcdpmError where there are none, or a name occurs twice.
    """
    if not folder.is_dir():
        raise IcdpmError(f"{folder} is missing: pairs are read from two folders, blur and sharp, side by side.")
    files = collections.defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in _ENDINGS and not file.name.startswith(".") and file.is_file():
            files[file.stem].append(file)
    if not files:
        raise IcdpmError(f"{folder} has no pictures: it must hold {', '.join(sorted(_ENDINGS))} files.")
    twice = [" and ".join(file.name for file in same) for same in files.values() if len(same) > 1]
    if twice:
        raise IcdpmError(f"{folder} has pictures of one name, so their partners are not clear: {_listed(twice)}.")
    return {name: same[0] for name, same in files.items()}


def _require_partners(folder: pathlib.Path, blurry: Iterable[str], sharp: Iterable[str]) -> None:
    """Raises IcdpmError where a name is on one side only."""
    alone = [f"blur/{name}" for name in sorted(set(blurry) - set(sharp))]
    alone += [f"sharp/{name}" for name in sorted(set(sharp) - set(blurry))]
    if alone:
        raise IcdpmError(f"{folder} has pictures without a partner of their name on the other side: {_listed(alone)}.")


def _listed(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _common_size(blurry: pathlib.Path, sharp: pathlib.Path) -> Size:
    """The size of a pair, from the files' headers. Raises IcdpmError where the two differ."""
    sizes = [_header_size(file) for file in (blurry, sharp)]
    if sizes[0] != sizes[1]:
        (width, height), (other_width, other_height) = sizes
        raise IcdpmError(
            f"{blurry} is {width}×{height} px but {sharp} is {other_width}×{other_height} px: "
            "the two pictures of a pair must have one size."
        )
    return sizes[0]


def _header_size(file: pathlib.Path) -> Size:
    """Width and height after EXIF orientation, without decoding. Raises IcdpmError where it is no 8-bit picture."""
    try:
        with Image.open(file) as image:
            mode = image.mode
            # Not image.getexif(): that of a PNG decodes the whole picture to look behind it too.
            orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
            # Some versions of Pillow give a TIFF's size as if already turned, others do not; its own tags are plain.
            tiff = image.format == "TIFF"
            width, height = (image.tag_v2[_TIFF_WIDTH], image.tag_v2[_TIFF_HEIGHT]) if tiff else image.size
    except _DAMAGE as error:
        raise _unreadable(file, error) from error
    if mode not in _EIGHT_BIT:
        raise IcdpmError(f"{file} does not have 8 bits a channel (Pillow mode {mode}): convert it.")
    return (height, width) if orientation in _ON_ITS_SIDE else (width, height)


def _decode(file: pathlib.Path, size: Size) -> np.ndarray:
    """The picture in `file`, uint8 [H, W, 3]. Raises IcdpmError where it is damaged or not of the expected size."""
    try:
        with Image.open(file) as image:
            pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except _DAMAGE as error:
        raise _unreadable(file, error) from error
    if pixels.shape[1::-1] != size:
        raise IcdpmError(
            f"{file} is {pixels.shape[1]}×{pixels.shape[0]} px and was {size[0]}×{size[1]} px when the folder was "
            "opened: if nobody changed it, save it again without EXIF orientation."
        )
    pixels.setflags(write=False)
    return pixels


def _unreadable(file: pathlib.Path, error: Exception) -> IcdpmError:
    return IcdpmError(f"{file} cannot be read as a picture ({error}): replace or remove the pair.")
