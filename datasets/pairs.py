"""What a set of pairs is to the rest of the project."""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:  # not needed to name data
    import tensorflow as tf


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

        Raises IcdpmError, naming the file, where it cannot be read. May be called from several threads at once.
        """

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError, naming one, where pictures are narrower or lower than `crop` pixels."""


@runtime_checkable
class InMemory(Protocol):
    """A PairSource all of whose pictures have one size and are in memory: uint8 [N, H, W, 3]."""

    blurry: np.ndarray
    sharp: np.ndarray


@runtime_checkable
class CropSource(Protocol):
    """A PairSource that makes a crop at less cost than the whole pair."""

    def load_crop(self, index: int, crop: int, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The crop of a training example, as `load_crop` below: at `corner_of(bits, ...)`, with the same errors."""


@runtime_checkable
class RemoteSource(Protocol):
    """A PairSource whose pairs take so long to fetch that several crops are to be cut from one that is there."""

    def fetch(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The whole pair (blurry, sharp) at `index`, int64 [], uint8 [H, W, 3], by operations for use inside tf.data."""


def load_crop(source: PairSource, index: int, crop: int, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The crop of a training example.

    Args:
      source: the pairs.
      index: of the pair.
      crop: width and height in pixels.
      bits: int64 [3], the example's random numbers, not negative; the first two decide where the crop lies.

    Returns (blurry, sharp), uint8 [crop, crop, 3].
    """
    if isinstance(source, CropSource):
        return source.load_crop(index, crop, bits)
    blurry, sharp = source.load(index)
    top, left = corner_of(bits, sharp.shape[:2], crop)
    return tuple(picture[top : top + crop, left : left + crop] for picture in (blurry, sharp))


def corner_of(bits: np.ndarray, size: tuple[int, int], crop: int) -> tuple[int, int]:
    """Top and left of an example's crop in a picture of `size` (height, width); as `augment.random_crop` has it."""
    (height, width), (down, across) = size, bits[:2]
    return int(down) % (height - crop + 1), int(across) % (width - crop + 1)


if TYPE_CHECKING:
    import tensorflow as tf


class Mixture:
    """The pairs of several sources, one source after another; a `PairSource` and a `CropSource`.

    Args:
      sources: {name: source}.
      weights: of each source, positive whole numbers, in the same order; the pipeline draws training examples in these
        proportions, whatever the sources' sizes.

    Attributes:
      names: of the pairs, each with its source's name and a slash before it.
      description: one line for logs.
      counts: how many pairs each source has.
      weights: as given.
    """

    def __init__(self, sources: dict[str, PairSource], weights: Sequence[int]):
        self._sources = list(sources.values())
        self.names = [f"{name}/{pair}" for name, source in sources.items() for pair in source.names]
        self.counts = [len(source) for source in self._sources]
        self._firsts = [0, *itertools.accumulate(self.counts)]
        self.weights = weights
        shares = [f"{weight / sum(weights):.1%} {s.description}" for weight, s in zip(weights, self._sources)]
        self.description = "; ".join(shares)

    def __len__(self) -> int:
        return self._firsts[-1]

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The pair (blurry, sharp) at `index`, uint8 [H, W, 3]."""
        source, own_index = self._find(index)
        return source.load(own_index)

    def load_crop(self, index: int, crop: int, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `icdpm_datasets.pairs.load_crop`."""
        source, own_index = self._find(index)
        return load_crop(source, own_index, crop, bits)

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError where a picture of any source is narrower or lower than `crop` pixels."""
        for source in self._sources:
            source.check_crop(crop)

    def _find(self, index: int) -> tuple[PairSource, int]:
        number = bisect.bisect_right(self._firsts, index) - 1
        return self._sources[number], index - self._firsts[number]


class RemoteMixture(Mixture):
    """A `Mixture` of sources that are `RemoteSource`s, and one itself."""

    def fetch(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As `RemoteSource.fetch`."""
        import tensorflow as tf

        part = tf.searchsorted(tf.constant(self._firsts, tf.int64), index[None], side="right")[0] - 1
        branches = [
            functools.partial(source.fetch, index - first) for source, first in zip(self._sources, self._firsts)
        ]
        return tf.switch_case(part, branches)
