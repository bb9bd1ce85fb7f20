"""Images of an evaluation, which are read only when they are measured."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path

import numpy as np
import PIL.Image

from icdpm.errors import IcdpmError
from icdpm.images.reading import decoding_errors, read_file_header, read_image, read_rgb
from icdpm_datasets.pairs import FileSource, PairSource, dtype_of

_GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "F")


@dataclasses.dataclass(frozen=True)
class FileImage:
    """An image in a file.

    Attributes:
      path: the file.
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> np.ndarray:
        """Reads the image as metrics take it: gray becomes three equal channels.

        Returns:
          uint8 or uint16 [height, width, 3].

        Raises:
          IcdpmError: the file is not a readable image, or the image has transparent parts.
        """
        return read_rgb(self.path)

    @property
    def bits(self) -> int:
        """Bits per channel as the image is read, 8 or 16, from the header; 8 if that is damaged."""
        try:
            return 16 if read_file_header(self.path).bits > 8 else 8
        except IcdpmError:
            return 8

    def stamp(self) -> str:
        """Returns a text that changes whenever the file changes."""
        return hashlib.blake2b(self.path.read_bytes(), digest_size=16).hexdigest()


class CachedPairs:
    """A `PairSource` that keeps the last pair, so that reading both of its images loads it only once."""

    def __init__(self, source: PairSource) -> None:
        self.source = source
        self.load = functools.lru_cache(maxsize=1)(source.load)


@dataclasses.dataclass(frozen=True)
class SourceImage:
    """One image of a pair of a `PairSource`.

    Attributes:
      pairs: `CachedPairs` of the source.
      index: index of the pair.
      side: 0 for the blurry image, 1 for the sharp image.
    """

    pairs: CachedPairs
    index: int
    side: int

    def __str__(self) -> str:
        return f"{self.pairs.source.names[self.index]} of {self.pairs.source.description}"

    def read(self) -> np.ndarray:
        """Returns the image, uint8 or uint16 [height, width, 3]. Raises `IcdpmError` if it is not readable."""
        return self.pairs.load(self.index)[self.side]

    @property
    def bits(self) -> int:
        """Bits per channel, 8 or 16."""
        return 8 * dtype_of(self.pairs.source).itemsize

    def stamp(self) -> str:
        """Returns a text that changes whenever a file of the pair changes; recorded and embedded pairs do not change."""
        source = self.pairs.source
        files = source.files(self.index) if isinstance(source, FileSource) else []
        return " ".join([str(self), *(FileImage(file).stamp() for file in files)])


def find_mismatch(image: FileImage, partner: FileImage) -> str | None:
    """Describes why two image files cannot be a pair. Nothing is decoded if the headers agree.

    Args:
      image: one file.
      partner: the other file.

    Returns:
      A phrase such as 'is 640×360, not 1280×720 as PARTNER', or `None` if size and color agree.

    Raises:
      IcdpmError: a file is not a readable image.
    """
    if _read_header(image.path) == _read_header(partner.path) is not None:
        return None
    # A header does not include the orientation and knows less about gray, so the images decide.
    images = [read_image(each.path) for each in (image, partner)]
    sizes = ["×".join(map(str, each.pixels.shape[1::-1])) for each in images]
    colors = ["gray" if each.is_gray else "RGB" for each in images]
    for own, other in (sizes, colors):
        if own != other:
            return f"is {own}, not {other} as {partner}"
    return None


def _read_header(path: Path) -> tuple[int, int, bool] | None:
    """Returns (width, height, whether it is gray) from the header, or `None` if it is not readable."""
    try:
        with decoding_errors(path), PIL.Image.open(path) as image:
            return *image.size, image.mode in _GRAY_MODES
    except IcdpmError:
        return None
