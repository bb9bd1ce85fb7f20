"""Kernel Inception distance (KID; Bińkowski et al., "Demystifying MMD GANs", 2018)."""

from __future__ import annotations

import numpy as np

from icdpm.metrics import inception_features
from icdpm.metrics.inception_features import FeatureSet, check_count, feature_batches

SUBSETS = 100
SUBSET_SIZE = 1000
# Rows of the kernel matrix that are computed at a time.
_ROWS = 1000
PROTOCOL = (
    f"KID, the unbiased MMD² with the kernel (x·y/d + 1)³, not scaled, mean over {SUBSETS} random subsets of "
    f"{SUBSET_SIZE} (or of the smaller set's size), over {inception_features.PROTOCOL}"
)


def kid(
    restored: FeatureSet,
    sharp: FeatureSet,
    subsets: int = SUBSETS,
    subset_size: int | None = SUBSET_SIZE,
    seed: int = 0,
) -> float:
    """Returns the KID between two sets of features.

    Args:
      restored: see `FeatureSet`; all features are held in memory, 16 KB each.
      sharp: see `FeatureSet`; all features are held in memory, 16 KB each.
      subsets: number of random subsets whose mean is taken.
      subset_size: features of each set in a subset, sampled without replacement; at most the size of the smaller set. None
        compares the whole sets once: less noisy, but not what papers report.
      seed: of the random subsets.

    Raises:
      ValueError: a set has fewer than two features.
    """
    x, y = _concatenated(restored, "restored"), _concatenated(sharp, "sharp")
    if subset_size is None or len(x) == len(y) <= subset_size:  # then every subset is the whole set
        return mmd(x, y)
    size = min(subset_size, len(x), len(y))
    rng = np.random.default_rng(seed)
    choices = ((rng.choice(len(x), size, replace=False), rng.choice(len(y), size, replace=False)) for _ in range(subsets))
    return float(np.mean([mmd(x[some], y[others]) for some, others in choices]))


def mmd(x: np.ndarray, y: np.ndarray) -> float:
    """Returns the unbiased estimate of MMD², the squared distance of the means in the kernel's space, of [n, d] and [m, d]."""
    n, m = len(x), len(y)
    within_x = (_sum_of_kernel(x, x) - _kernel(np.sum(x * x, axis=1), x).sum()) / (n * (n - 1))
    within_y = (_sum_of_kernel(y, y) - _kernel(np.sum(y * y, axis=1), y).sum()) / (m * (m - 1))
    return float(within_x + within_y - 2 * _sum_of_kernel(x, y) / (n * m))


def _kernel(products, x):
    base = products / x.shape[1] + 1
    return base * base * base  # many times faster than a power


def _sum_of_kernel(x, y):
    """Returns the sum of the kernel over all pairs."""
    return sum(_kernel(x[row : row + _ROWS] @ y.T, x).sum() for row in range(0, len(x), _ROWS))


def _concatenated(features, name):
    batches = list(feature_batches(features, name))
    check_count(sum(map(len, batches)), "KID", name)
    return np.concatenate(batches)
