"""Kernel Inception distance between two sets of pictures (Bińkowski et al., "Demystifying MMD GANs")."""

import numpy as np

from icdpm.metrics import inception_features
from icdpm.metrics.feature_sets import batches, require

SUBSETS = 100
SUBSET_SIZE = 1000
_ROWS = 1000
PROTOCOL = (
    f"KID, the unbiased MMD² with the kernel (x·y/d + 1)³, not scaled, mean over {SUBSETS} random subsets of "
    f"{SUBSET_SIZE} (or of the smaller set's size), over {inception_features.PROTOCOL}"
)


def kid(restored, sharp, subsets=SUBSETS, subset_size=SUBSET_SIZE, seed=0):
    """KID between the features of two sets, each [n, features] or an iterable of such arrays.

    Args:
      restored, sharp: the features; all are held, 16 KB each.
      subsets: how many random subsets to take the mean over.
      subset_size: how many features of each set are in one, drawn without repetition, at most all of the smaller set.
        None compares the whole sets once: less noisy, but not what papers report.
      seed: of the random subsets.

    Raises:
      ValueError: a set has fewer than two features.
    """
    x, y = _gather(restored, "restored"), _gather(sharp, "sharp")
    if subset_size is None or len(x) == len(y) <= subset_size:  # then every subset is the whole
        return mmd(x, y)
    size = min(subset_size, len(x), len(y))
    rng = np.random.default_rng(seed)
    draws = ((rng.choice(len(x), size, replace=False), rng.choice(len(y), size, replace=False)) for _ in range(subsets))
    return float(np.mean([mmd(x[some], y[others]) for some, others in draws]))


def mmd(x, y):
    """The unbiased estimate of MMD², the squared distance of the means in the kernel's space, from [n, d] and [m, d]."""
    n, m = len(x), len(y)
    within_x = (_sum_of_kernel(x, x) - _kernel(np.sum(x * x, axis=1), x).sum()) / (n * (n - 1))
    within_y = (_sum_of_kernel(y, y) - _kernel(np.sum(y * y, axis=1), y).sum()) / (m * (m - 1))
    return float(within_x + within_y - 2 * _sum_of_kernel(x, y) / (n * m))


def _kernel(products, x):
    base = products / x.shape[1] + 1
    return base * base * base  # many times faster than a power


def _sum_of_kernel(x, y):
    """The kernel's sum over all pairs, some rows at a time."""
    return sum(_kernel(x[row : row + _ROWS] @ y.T, x).sum() for row in range(0, len(x), _ROWS))


def _gather(features, name):
    found = list(batches(features, name))
    require(sum(map(len, found)), 2, "KID", name)
    return np.concatenate(found)
