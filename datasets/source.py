"""What a set of pairs is to the rest of the project, and how one is named."""

from __future__ import annotations

import pathlib
from typing import Protocol, runtime_checkable

import numpy as np

from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.errors import DataError
from icdpm_datasets.folders import FolderPairs


class PairSource(Protocol):
    """Pairs of a blurry and a sharp picture, numbered from 0.

    Attributes:
      names: of the pairs, each once; results are matched by them.
      description: one line for logs.
    """

    names: list[str]
    description: str

    def __len__(self) -> int:
        """The number of pairs."""

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The whole pair (blurry, sharp) at `index`, uint8 [H, W, 3] sRGB, both of one size.

        Raises DataError, naming the file, where it cannot be read. May be called from several threads at once.
        """

    def check_crop(self, crop: int) -> None:
        """Raises DataError, naming one, where pictures are narrower or lower than `crop` pixels."""


@runtime_checkable
class InMemory(Protocol):
    """A PairSource all of whose pictures have one size and are in memory: uint8 [N, H, W, 3]."""

    blurry: np.ndarray
    sharp: np.ndarray


# Data sets that are known by name. Each is called with a split, 'train' or 'test'.
_KNOWN = {"embedded": EmbeddedPairs}


def open_source(data: str, split: str) -> PairSource:
    """The pairs of one split ('train' or 'test') of `data`.

    Args:
      data: the name of a known data set, or a folder: one with `blur` and `sharp` in it serves both splits, one with
        such folders in `train` and `test` has two.
      split: 'train' or 'test'.

    Raises DataError where `data` is neither, or is a folder whose pictures cannot be used.
    """
    if data in _KNOWN:
        return _KNOWN[data](split)
    folder = pathlib.Path(data).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"{data} is neither a known data set ({', '.join(_KNOWN)}) nor a folder: "
            "give one of those, or a folder with blur/ and sharp/ in it."
        )
    return FolderPairs(folder / split if (folder / split).is_dir() else folder)
