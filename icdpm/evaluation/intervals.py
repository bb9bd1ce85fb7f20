"""Confidence intervals of means over images (bootstrap) and of fractions of ratings (Wilson)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
SEED = 0
PROTOCOL = f"mean over the images with its 95 % percentile bootstrap interval ({RESAMPLES} resamples, seed {SEED})"
_CHUNK = 100  # resamples at once
_Z = 1.959964  # normal quantile of a 95 % interval


class Mean(NamedTuple):
    """A mean and its 95 % interval. `low` and `high` are `None` for a single value and for infinite values."""

    value: float
    low: float | None
    high: float | None


def mean_with_interval(values: npt.ArrayLike) -> Mean:
    """Computes the mean over the images of a test set with a percentile bootstrap interval (Efron, 1979).

    Resampling depends only on the number of values, so paired differences use the same resamples as the methods.

    Args:
      values: one value per image, [images]; NaN for images that have none, which are left out.

    Returns:
      A `Mean`.
    """
    given = np.asarray(values, np.float64)
    values = given[~np.isnan(given)]
    if not len(values):
        return Mean(math.nan, None, None)
    if len(values) == 1 or not np.isfinite(values).all():
        return Mean(float(values.mean()), None, None)
    rng = np.random.default_rng(SEED)
    means = [values[rng.integers(len(values), size=(_CHUNK, len(values)))].mean(axis=1) for _ in range(RESAMPLES // _CHUNK)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Mean(float(values.mean()), float(low), float(high))


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Returns the 95 % score interval (low, high) of a fraction (Wilson, 1927)."""
    fraction, squared = successes / trials, _Z * _Z / trials
    center = fraction + squared / 2
    half = math.sqrt(fraction * (1 - fraction) * squared + squared * squared / 4)
    return max(0.0, (center - half) / (1 + squared)), min(1.0, (center + half) / (1 + squared))
