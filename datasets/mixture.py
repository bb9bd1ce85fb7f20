"""Several sets of pairs as one, each with its share of the training examples."""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from icdpm_datasets.pairs import PairSource, load_crop

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


class FetchedMixture(Mixture):
    """A `Mixture` of sources that are `FetchedSource`s, and one itself."""

    def fetch(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As `FetchedSource.fetch`."""
        import tensorflow as tf

        part = tf.searchsorted(tf.constant(self._firsts, tf.int64), index[None], side="right")[0] - 1
        branches = [
            functools.partial(source.fetch, index - first) for source, first in zip(self._sources, self._firsts)
        ]
        return tf.switch_case(part, branches)
