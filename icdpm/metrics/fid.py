"""Fréchet Inception distance (FID; Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge…", 2017)."""

from __future__ import annotations

import numpy as np

from icdpm.metrics import inception_features
from icdpm.metrics.inception_features import FeatureSet, check_count, feature_batches

PROTOCOL = f"FID over {inception_features.PROTOCOL}; it falls with the number of images, so compare equal numbers"


def fid(restored: FeatureSet, sharp: FeatureSet) -> float:
    """Returns the FID between two sets of features, which are read once, array by array.

    Args:
      restored: see `FeatureSet`.
      sharp: see `FeatureSet`.

    Raises:
      ValueError: a set has fewer than two features, too few for a covariance.
    """
    return frechet_distance(*moments(restored, "restored"), *moments(sharp, "sharp"))


def moments(features: FeatureSet, name: str = "given") -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean [features] and the covariance [features, features] of a set in float64."""
    count = 0
    origin = total = products = np.zeros([])
    for batch in feature_batches(features, name):
        if not count:
            origin = batch.mean(axis=0)  # sums are taken around a value near the mean, so that few digits are lost
        batch = batch - origin
        count, total, products = count + len(batch), total + batch.sum(axis=0), products + batch.T @ batch
    check_count(count, "FID", name)
    mean = total / count
    return origin + mean, (products - count * np.outer(mean, mean)) / (count - 1)


def frechet_distance(mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other_covariance: np.ndarray) -> float:
    """Returns the squared Fréchet (Wasserstein-2) distance of two Gaussians: |m − n|² + tr(A + B − 2 (A B)^½)."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(_above_rounding(values)) @ vectors.T
    # A B has the eigenvalues of the symmetric A^½ B A^½.
    product = np.linalg.eigvalsh(root @ other_covariance @ root)
    trace = np.trace(covariance) + np.trace(other_covariance) - 2 * np.sqrt(_above_rounding(product)).sum()
    return float(np.sum(np.square(mean - other_mean)) + trace)


def _above_rounding(eigenvalues):
    """Replaces eigenvalues that are zero up to rounding by zero: with few images there are many, and their roots add up."""
    threshold = len(eigenvalues) * np.finfo(np.float64).eps * eigenvalues.max()
    return np.where(eigenvalues > threshold, eigenvalues, 0)
