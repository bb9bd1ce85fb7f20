"""EXIF metadata: the orientation, and the part that a restored image keeps."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import PIL.Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

# Tags of the main directory that describe the photo. Others describe how a TIFF file stores its pixels, which does not hold for
# another file; the orientation is applied to the pixels.
_KEPT = {
    Base.ImageDescription,
    Base.Make,
    Base.Model,
    Base.XResolution,
    Base.YResolution,
    Base.ResolutionUnit,
    Base.Software,
    Base.DateTime,
    Base.Artist,
    Base.HostComputer,
    Base.Copyright,
    Base.Rating,
    Base.RatingPercent,
    Base.XPTitle,
    Base.XPComment,
    Base.XPAuthor,
    Base.XPKeywords,
    Base.XPSubject,
}

HEADER = b"Exif\0\0"
_BIG_TIFF_MAGIC = {b"II+\0": "<", b"MM\0+": ">"}


def read_exif(content: bytes) -> PIL.Image.Exif:
    """Returns the EXIF data of a block as in JPEG files, or of a whole TIFF file.

    Raises SyntaxError if there is none. Some damage shows only when values are read.
    """
    exif = PIL.Image.Exif()
    if endian := _BIG_TIFF_MAGIC.get(content[:4]):  # whose header `load` would not read to its end
        exif.bigtiff, exif.endian = True, endian
        exif.load_from_fp(io.BytesIO(content), ImageFileDirectory_v2(content[:16]).next)
    else:
        exif.load(content)
    return exif


def apply_exif(channels: np.ndarray, read: Callable[[], PIL.Image.Exif]) -> tuple[np.ndarray, bytes, int, bool]:
    """Applies the EXIF orientation to an image and selects the metadata that a restored image keeps.

    Args:
      channels: [height, width, channels].
      read: function that returns the EXIF data. It may raise any exception.

    Returns:
      (the upright image, the EXIF block or b"", the orientation that was applied, whether the EXIF data are damaged).
    """
    orientation = 1
    try:
        exif = read()
        orientation = orientation_of(exif)
        upright = turn_upright(channels, orientation)
        return upright, _select_metadata(exif, orientation, *upright.shape[:2]), orientation, False
    except Exception:  # Pillow's parser raises exceptions of any type for damaged data
        return turn_upright(channels, orientation), b"", orientation, True


def orientation_of(exif: Mapping[int, Any]) -> int:
    """Returns the orientation that EXIF data state, 1 to 8; 1 (upright) if it is missing or invalid."""
    orientation = exif.get(Base.Orientation, 1)
    return orientation if orientation in range(1, 9) else 1


def turn_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Returns a view of an image [height, width, …] rotated and flipped by an EXIF orientation, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image


def _select_metadata(exif, orientation, height, width):
    """Returns the EXIF block, with its header, of an upright image of this size; b"" if nothing is kept.

    The thumbnail is dropped, as it shows the blurry photo.
    """
    kept = PIL.Image.Exif()
    for tag in _KEPT & set(exif):
        kept[tag] = encode_text(exif[tag])
    if orientation in (5, 6, 7, 8) and {Base.XResolution, Base.YResolution} <= set(kept):
        kept[Base.XResolution], kept[Base.YResolution] = kept[Base.YResolution], kept[Base.XResolution]
    for directory_tag, directory in read_subdirectories(exif).items():
        for tag, length in ((Base.ExifImageWidth, width), (Base.ExifImageHeight, height)):
            if tag in directory:
                directory[tag] = length
        kept[directory_tag] = directory
    if Base.Orientation in exif:
        kept[Base.Orientation] = 1
    return kept.tobytes() if len(kept) else b""


def read_subdirectories(exif: PIL.Image.Exif) -> dict[int, dict[int, Any]]:
    """Returns {tag: directory} of the directories about the exposure and the place that exist, ready to be written."""
    exposure = dict(exif.get_ifd(IFD.Exif))
    if IFD.Interop in exposure:
        exposure[IFD.Interop] = exif.get_ifd(IFD.Interop)  # instead of its position in the block
    directories = {IFD.Exif: exposure, IFD.GPSInfo: exif.get_ifd(IFD.GPSInfo)}
    return {tag: encode_text(directory) for tag, directory in directories.items() if directory}


def encode_text(value: Any) -> Any:
    """Prepares a value, or a directory {tag: value}, for Pillow, which reads text as Latin-1 but writes only ASCII.

    Files also have UTF-8 in such fields; its bytes stay unchanged. Values of other types are returned as they are.
    """
    if isinstance(value, dict):
        return {tag: encode_text(each) for tag, each in value.items()}
    return _Latin1(value) if isinstance(value, str) else value


class _Latin1(str):
    """A text that is always encoded as Latin-1. Pillow does not accept bytes as a text of a subdirectory."""

    def encode(self, *_: str) -> bytes:
        return super().encode("latin-1")
