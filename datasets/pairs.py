"""Interfaces of data sources, and mixtures of several sources."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from icdpm.errors import IcdpmError
from icdpm_datasets.image_files import to_dtype

if TYPE_CHECKING:
    import tensorflow as tf


class MissingSplitError(IcdpmError):
    """A data set has no split of the requested name."""


class PairSource(Protocol):
    """Pairs of a blurry and a sharp image, numbered from 0.

    All images are uint8, unless the source has an attribute `dtype` that is uint16 (see `dtype_of`).

    Attributes:
      names: unique names of the pairs, by which results are matched.
      description: one line for logs, which data.json of a run also stores.
    """

    names: list[str]
    description: str

    def __len__(self) -> int:
        """Returns the number of pairs."""

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the whole pair (blurry, sharp) at `index`, [H, W, 3] sRGB, of equal size.

        This method is thread-safe.

        Raises:
          IcdpmError: the pair cannot be read; the message names the file.
        """

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError, with the name of the image, if one is smaller than `crop` in height or width."""


@runtime_checkable
class InMemory(Protocol):
    """A `PairSource` whose images have one size and are in memory: uint8 [N, H, W, 3]."""

    blurry: np.ndarray
    sharp: np.ndarray


@runtime_checkable
class FileSource(Protocol):
    """A `PairSource` that makes each pair from image files."""

    def files(self, index: int) -> list[Path]:
        """Returns the files of the pair at `index`."""


@runtime_checkable
class CropSource(Protocol):
    """A `PairSource` that makes a crop with less effort than a whole pair."""

    def load_crop(self, index: int, crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the crop of a training example at `crop_corner(random_ints, …)`; see the function `load_crop`."""


@runtime_checkable
class GraphSource(Protocol):
    """A `PairSource` whose pairs are read by TensorFlow operations, also in processes that cannot import this package.

    Several crops are cut from each pair that is read, since decoding takes long.
    """

    def fetch(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the whole pair (blurry, sharp), uint8 [H, W, 3], by TensorFlow operations.

        Args:
          index: int64 [].
        """


def needs_python(source: PairSource) -> bool:
    """Returns whether reading a source calls Python, so that it can be read in this process only."""
    if isinstance(source, Mixture):
        return any(map(needs_python, source.sources))
    return not isinstance(source, (GraphSource, InMemory))


def dtype_of(source: PairSource) -> np.dtype:
    """Returns the type of a source's images: uint8, or uint16 for images with 16 bits per channel."""
    return np.dtype(getattr(source, "dtype", np.uint8))


def load_crop(source: PairSource, index: int, crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the crop of a training example.

    Args:
      source: the pairs.
      index: number of the pair.
      crop: side of the crop in pixels.
      random_ints: int64 [3], the example's non-negative random numbers, of which the first two determine the crop's corner.

    Returns:
      (blurry, sharp), [crop, crop, 3] of the source's type.
    """
    blurry, sharp = load_crops(source, index, crop, random_ints[None])
    return blurry[0], sharp[0]


def load_crops(source: PairSource, index: int, crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns several crops of a pair, (blurry, sharp), [n, crop, crop, 3]; see `load_crop`. `random_ints`: int64 [n, 3].

    They are copies, since views would keep the whole images in memory.
    """
    if isinstance(source, CropSource):
        crops = [source.load_crop(index, crop, each) for each in random_ints]
    else:
        pair = source.load(index)
        crops = [_cut(pair, crop, each) for each in random_ints]
    blurry, sharp = map(np.stack, zip(*crops))
    return blurry, sharp


def _cut(pair: tuple[np.ndarray, np.ndarray], crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    blurry, sharp = pair
    top, left = crop_corner(random_ints, sharp.shape[:2], crop)
    window = np.s_[top : top + crop, left : left + crop]
    return blurry[window], sharp[window]


def crop_corner(random_ints: np.ndarray, size: tuple[int, ...], crop: int) -> tuple[int, int]:
    """Returns (top, left) of an example's crop in an image of `size` (height, width), as `augment.random_crop` chooses it."""
    (height, width), (down, across) = size, random_ints[:2]
    return int(down) % (height - crop + 1), int(across) % (width - crop + 1)


class Mixture:
    """Pairs of several sources, numbered one source after another; a `PairSource` and a `CropSource`.

    Args:
      sources: {name: source}.
      weights: positive integers, in the order of the sources. The pipeline draws training examples in these proportions,
        regardless of the sources' sizes.

    Attributes:
      names: names of the pairs, each as SOURCE/NAME.
      description: one line for logs.
      sources: the sources, in order.
      counts: number of pairs of each source.
      starts: number of each source's first pair, and of all pairs.
      weights: as given.
      dtype: uint16 if that of a source is; images of 8 bits are then converted without loss.
    """

    def __init__(self, sources: Mapping[str, PairSource], weights: Sequence[int]) -> None:
        self.sources = list(sources.values())
        self.names = [f"{name}/{pair}" for name, source in sources.items() for pair in source.names]
        self.counts = [len(source) for source in self.sources]
        self.starts = [0, *itertools.accumulate(self.counts)]
        self.weights = weights
        self.dtype = max(map(dtype_of, self.sources), key=lambda dtype: dtype.itemsize)
        shares = [f"{weight / sum(weights):.1%} {s.description}" for weight, s in zip(weights, self.sources)]
        self.description = "; ".join(shares)

    def __len__(self) -> int:
        return self.starts[-1]

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        source, own_index = self._find(index)
        blurry, sharp = source.load(own_index)
        return to_dtype(blurry, self.dtype), to_dtype(sharp, self.dtype)

    def load_crop(self, index: int, crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        source, own_index = self._find(index)
        blurry, sharp = load_crop(source, own_index, crop, random_ints)
        return to_dtype(blurry, self.dtype), to_dtype(sharp, self.dtype)

    def files(self, index: int) -> list[Path]:
        """Returns the files of the pair at `index`; [] for pairs that are not made from files."""
        source, own_index = self._find(index)
        return source.files(own_index) if isinstance(source, FileSource) else []

    def check_crop(self, crop: int) -> None:
        for source in self.sources:
            source.check_crop(crop)

    def _find(self, index: int) -> tuple[PairSource, int]:
        number = bisect.bisect_right(self.starts, index) - 1
        return self.sources[number], index - self.starts[number]
