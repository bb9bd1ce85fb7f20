"""Pictures to measure, read only when their turn comes."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path

import numpy as np
import PIL.Image

from icdpm.errors import IcdpmError
from icdpm.images.reading import read_image

_GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "F")


@dataclasses.dataclass(frozen=True)
class FileImage:
    """A picture in a file."""

    path: Path

    def __str__(self):
        return str(self.path)

    def read(self):
        """uint8 [height, width, 3]: 16 bits are rounded to 8, as metrics are of 8; gray gets three equal channels.

        Raises:
          IcdpmError: the file cannot be read as a picture, or the picture is partly transparent.
        """
        photo = read_image(self.path)
        pixels = photo.pixels
        if photo.alpha is not None and photo.alpha.min() < np.iinfo(photo.alpha.dtype).max:
            raise IcdpmError(f"{self} has transparent parts, whose colour is not defined; save it without transparency")
        if photo.is_16bit:
            pixels = np.round(pixels / 257).astype(np.uint8)
        return np.repeat(pixels[..., None], 3, axis=-1) if photo.is_gray else pixels

    def stamp(self):
        """A text that changes when the file does."""
        return hashlib.blake2b(self.path.read_bytes(), digest_size=16).hexdigest()


@dataclasses.dataclass(frozen=True)
class SourceImage:
    """One side of a pair in a `PairSource`.

    Attributes:
      pairs: `LoadedOnce` of the source.
      index: of the pair.
      side: 0 for the blurry picture, 1 for the sharp one.
    """

    pairs: LoadedOnce
    index: int
    side: int

    def __str__(self):
        return f"{self.pairs.source.names[self.index]} of {self.pairs.source.description}"

    def read(self):
        """uint8 [height, width, 3]. Raises IcdpmError where it cannot be read."""
        return self.pairs.load(self.index)[self.side]

    def stamp(self):
        """A text that changes when the data do."""
        return str(self)


class LoadedOnce:
    """A `PairSource` both of whose sides are read one after the other without loading the pair twice."""

    def __init__(self, source):
        self.source = source
        self.load = functools.lru_cache(maxsize=1)(source.load)


def difference(picture, partner):
    """Why two picture files cannot be a pair: a phrase such as 'is 640×360, not 1280×720 as PARTNER', or None.

    Where the headers agree nothing is decoded.

    Raises:
      IcdpmError: a file cannot be read as a picture.
    """
    if _header(picture.path) == _header(partner.path) is not None:
        return None
    # A header may have another orientation than the picture, and says less of gray; the pictures decide.
    photos = [read_image(each.path) for each in (picture, partner)]
    sizes = ["×".join(map(str, photo.pixels.shape[1::-1])) for photo in photos]
    colors = ["gray" if photo.is_gray else "RGB" for photo in photos]
    for mine, other in (sizes, colors):
        if mine != other:
            return f"is {mine}, not {other} as {partner}"
    return None


def _header(path):
    """(width, height, whether it is gray) as the file's header has it; None where it cannot be read."""
    try:
        with PIL.Image.open(path) as picture:
            return *picture.size, picture.mode in _GRAY_MODES
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError):
        return None
