"""Fréchet Inception distance between two sets of pictures (Heusel et al., "GANs Trained by a Two Time-Scale Update
Rule Converge to a Local Nash Equilibrium").
"""

import numpy as np

from icdpm.metrics import inception_features
from icdpm.metrics.feature_sets import batches, require

PROTOCOL = f"FID over {inception_features.PROTOCOL}; it falls with the number of pictures, so compare equal numbers"


def fid(restored, sharp):
    """FID between the features of two sets, each [n, features] or an iterable of such arrays, which is streamed.

    Raises:
      ValueError: a set has fewer than two features, too few for a covariance.
    """
    return frechet_distance(*moments(restored, "restored"), *moments(sharp, "sharp"))


def moments(features, name="given"):
    """Mean and covariance of a set of features, in float64 whatever their number."""
    count, origin, total, products = 0, None, 0, 0
    for batch in batches(features, name):
        if origin is None:
            origin = batch.mean(axis=0)  # of the sums: near the mean, so that little is lost between large numbers
        batch = batch - origin
        count, total, products = count + len(batch), total + batch.sum(axis=0), products + batch.T @ batch
    require(count, 2, "FID", name)
    mean = total / count
    return origin + mean, (products - count * np.outer(mean, mean)) / (count - 1)


def frechet_distance(mean, covariance, other_mean, other_covariance):
    """The squared Fréchet (Wasserstein-2) distance of two Gaussians: |m − n|² + tr(A + B − 2 (A B)^½)."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(_above_rounding(values)) @ vectors.T
    # A B has the eigenvalues of the symmetric A^½ B A^½.
    product = np.linalg.eigvalsh(root @ other_covariance @ root)
    trace = np.trace(covariance) + np.trace(other_covariance) - 2 * np.sqrt(_above_rounding(product)).sum()
    return float(np.sum(np.square(mean - other_mean)) + trace)


def _above_rounding(eigenvalues):
    """Zero for those that are zero but for rounding, whose roots would add up: there are many for few pictures."""
    threshold = len(eigenvalues) * np.finfo(np.float64).eps * eigenvalues.max()
    return np.where(eigenvalues > threshold, eigenvalues, 0)
