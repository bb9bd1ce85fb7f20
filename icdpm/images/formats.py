"""The file formats that photos are written in, and what each can hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError


@dataclasses.dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
      name: what Pillow calls it.
      suffixes: how names of such files end; the first is the usual one.
      gray, alpha, deep, metadata: whether it holds gray pictures, transparency, 16 bits a channel, EXIF and ICC
        profile.
      longest_side: in pixels.
    """

    name: str
    suffixes: tuple
    gray: bool
    alpha: bool
    deep: bool
    metadata: bool
    longest_side: int


FORMATS = {
    "png": Format("PNG", (".png",), gray=True, alpha=True, deep=True, metadata=True, longest_side=2**31 - 1),
    "jpeg": Format("JPEG", (".jpg", ".jpeg"), gray=True, alpha=False, deep=False, metadata=True, longest_side=65500),
    "webp": Format("WEBP", (".webp",), gray=False, alpha=True, deep=False, metadata=True, longest_side=16383),
    "tiff": Format("TIFF", (".tif", ".tiff"), gray=True, alpha=True, deep=True, metadata=True, longest_side=2**31 - 1),
    "bmp": Format("BMP", (".bmp",), gray=True, alpha=False, deep=False, metadata=False, longest_side=2**31 - 1),
}

SUFFIXES = tuple(suffix for each in FORMATS.values() for suffix in each.suffixes)


def format_for_path(path):
    """The `Format` that a path's suffix stands for. Raises IcdpmError for any other suffix."""
    for each in FORMATS.values():
        if Path(path).suffix.lower() in each.suffixes:
            return each
    raise IcdpmError(f"{path}: pictures are written as {', '.join(SUFFIXES)}; choose one of these suffixes")


def format_by_name(name):
    """The `Format` that Pillow calls `name`, or None."""
    return next((each for each in FORMATS.values() if each.name == name), None)


@dataclasses.dataclass(frozen=True)
class Image:
    """An upright picture and what comes with it.

    Attributes:
      pixels: uint8 or uint16, [height, width] where the photo is gray, else [height, width, 3].
      alpha: [height, width] of the pixels' dtype, 0 where the photo is transparent; None where it has no transparency.
      exif: the EXIF block as JPEG files hold it, without an orientation to apply; empty where there is none.
      icc_profile: the ICC profile that the pixels are meant in; empty where there is none (that is, sRGB).
      format: name of the file format it came from, as Pillow calls it.
      notices: sentences that tell what could not be kept as it was.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    exif: bytes = b""
    icc_profile: bytes = b""
    format: str = "PNG"
    notices: tuple[str, ...] = ()

    @property
    def is_gray(self):
        """Whether it has one channel, besides alpha."""
        return self.pixels.ndim == 2

    @property
    def is_deep(self):
        """Whether it has 16 bits a channel."""
        return self.pixels.dtype == np.uint16
