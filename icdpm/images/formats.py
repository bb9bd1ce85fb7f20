"""The file formats that images are written in, and the image that a file holds."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.images.metadata import NO_METADATA, Metadata


@dataclasses.dataclass(frozen=True)
class Image:
    """An upright image and the metadata of its file.

    Attributes:
      pixels: uint8 or uint16, [height, width, 3] sRGB (or in the color space of the profile), or [height, width] if gray.
      alpha: opacity, [height, width] of the pixels' dtype, 0 where the image is transparent; `None` if it has no transparency.
      exif: EXIF block as in a JPEG file, with the orientation already applied; may be empty.
      icc_profile: ICC profile of the pixels; empty for sRGB.
      metadata: other metadata.
      format: Pillow's name of the file format that the image comes from.
      notices: sentences about properties of the file that were not kept.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    exif: bytes = b""
    icc_profile: bytes = b""
    metadata: Metadata = NO_METADATA
    format: str = "PNG"
    notices: tuple[str, ...] = ()

    @property
    def is_gray(self) -> bool:
        """True if the image has one channel, not counting alpha."""
        return self.pixels.ndim == 2

    @property
    def is_translucent(self) -> bool:
        """True if a pixel is not fully opaque."""
        return self.alpha is not None and bool(self.alpha.min() < np.iinfo(self.alpha.dtype).max)

    @property
    def is_16bit(self) -> bool:
        """True if the image has 16 bits per channel."""
        return self.pixels.dtype == np.uint16


@dataclasses.dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
      name: Pillow's name of the format.
      suffixes: file name extensions, the usual one first.
      gray, alpha, sixteen_bit: whether the format stores gray images, transparency, 16 bits per channel.
      exif: whether it stores EXIF data and ICC profiles.
      stores: fields of `Metadata` that it stores.
      longest_side: largest width and height in pixels.
    """

    name: str
    suffixes: tuple[str, ...]
    gray: bool
    alpha: bool
    sixteen_bit: bool
    exif: bool
    stores: frozenset[str]
    longest_side: int


FORMATS = {
    "png": Format(
        "PNG",
        (".png",),
        gray=True,
        alpha=True,
        sixteen_bit=True,
        exif=True,
        stores=frozenset({"xmp", "iptc", "comments", "density", "colors", "texts"}),
        longest_side=10**6,  # libpng's limit
    ),
    "jpeg": Format(
        "JPEG",
        (".jpg", ".jpeg", ".jfif", ".jpe"),
        gray=True,
        alpha=False,
        sixteen_bit=False,
        exif=True,
        stores=frozenset({"xmp", "iptc", "comments", "density"}),
        longest_side=65500,
    ),
    "webp": Format(
        "WEBP",
        (".webp",),
        gray=False,
        alpha=True,
        sixteen_bit=False,
        exif=True,
        stores=frozenset({"xmp"}),
        longest_side=16383,
    ),
    "tiff": Format(
        "TIFF",
        (".tif", ".tiff"),
        gray=True,
        alpha=True,
        sixteen_bit=True,
        exif=True,
        stores=frozenset({"xmp", "iptc", "density"}),
        longest_side=2**31 - 1,
    ),
    "bmp": Format(
        "BMP",
        (".bmp",),
        gray=True,
        alpha=False,
        sixteen_bit=False,
        exif=False,
        stores=frozenset({"density"}),
        longest_side=2**31 - 1,
    ),
}

# Formats that are only read or, as GIF, only named in an error, by Pillow's names. Their restored images are PNG files, which
# keep 10 bits as 16.
_READ_ONLY = {"AVIF": (".avif",), "HEIF": (".heic", ".heif", ".hif"), "GIF": ()}

WRITTEN_SUFFIXES = tuple(suffix for each in FORMATS.values() for suffix in each.suffixes)
READ_ONLY_SUFFIXES = tuple(suffix for each in _READ_ONLY.values() for suffix in each)
SUFFIXES = WRITTEN_SUFFIXES + READ_ONLY_SUFFIXES


def format_for_path(path: str | os.PathLike) -> Format:
    """Returns the `Format` of a path's file name extension. Raises IcdpmError for an unsupported one."""
    for each in FORMATS.values():
        if Path(path).suffix.lower() in each.suffixes:
            return each
    raise IcdpmError(f"{path}: images are written as {', '.join(WRITTEN_SUFFIXES)}; choose one of these file name extensions")


def format_by_name(name: str) -> Format:
    """Returns the `Format` to write for an image of the format that Pillow calls `name`. Raises KeyError for unknown names."""
    return FORMATS["png"] if name in _READ_ONLY else {each.name: each for each in FORMATS.values()}[name]
