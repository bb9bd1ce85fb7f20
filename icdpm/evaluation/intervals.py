"""How sure a mean over a test set's pictures is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

RESAMPLES = 10_000
SEED = 0
PROTOCOL = f"mean over the pictures with its 95 % percentile bootstrap interval ({RESAMPLES} resamples, seed {SEED})"
_AT_ONCE = 100


class Mean(NamedTuple):
    """A mean and the ends of its 95 % interval; these are None for one picture and where a value is infinite."""

    value: float
    low: float | None
    high: float | None


def mean_with_interval(values):
    """The mean of a test set's values with a percentile bootstrap interval (Efron, 1979) over its pictures.

    The same number of values gives the same resamples, so that differences of two methods, taken picture by picture, are
    resampled as the methods are.

    Args:
      values: [pictures] of numbers.

    Returns:
      A Mean.
    """
    values = np.asarray(values, np.float64)
    if len(values) == 1 or not np.isfinite(values).all():
        return Mean(float(values.mean()), None, None)
    rng = np.random.default_rng(SEED)
    means = [values[rng.integers(len(values), size=(_AT_ONCE, len(values)))].mean(axis=1) for _ in range(RESAMPLES // _AT_ONCE)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Mean(float(values.mean()), float(low), float(high))
