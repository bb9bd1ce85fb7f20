"""Naturalness of one picture without a reference (Mittal, Soundararajan and Bovik, "Making a Completely Blind Image
Quality Analyzer"), as in its authors' MATLAB code: lower is more natural.
"""

import functools

import numpy as np

from icdpm.metrics.as_uint8 import as_uint8
from icdpm.metrics.luma import matlab_gray
from icdpm.metrics.natural_scenes import BLOCK, FEATURES, block_features
from icdpm.metrics.pristine_model import distribution, load_pristine_model
from icdpm.metrics.weights.cache import kept
from icdpm.metrics.weights.catalog import NIQE

# Others measure Y instead, which differs in the first decimal.
PROTOCOL = (
    f"NIQE of uint8 pictures in gray (MATLAB's rgb2gray), blocks of {BLOCK}×{BLOCK} without overlap at two scales, "
    "the pristine model of the original release unless another is named"
)


def niqe(picture, model=None):
    """NIQE of one RGB picture.

    Args:
      picture: uint8 or float in [0, 1], of two blocks or more.
      model: a `PristineModel`; that of the original release where none is given.

    Raises:
      MetricUnavailable: no model is given and that of the original release is not in the cache.
      ValueError: the picture is too small, or too even to have the features.
    """
    return niqe_of_gray(matlab_gray(as_uint8(picture)), released_model() if model is None else model)


def niqe_of_gray(gray, model):
    """NIQE of one channel [height, width] in 0…255, however it was made from colour."""
    height, width = gray.shape
    if (height // BLOCK) * (width // BLOCK) < 2:
        raise ValueError(f"NIQE needs pictures that hold two blocks of {BLOCK}×{BLOCK}, not {width}×{height}")
    features, _ = block_features(gray)
    mean, covariance = distribution(features)
    # MATLAB's own threshold for what is zero in a pseudoinverse.
    inverse = np.linalg.pinv((model.covariance + covariance) / 2, rcond=FEATURES * np.finfo(float).eps)
    difference = model.mean - mean
    return float(np.sqrt(difference @ inverse @ difference))


def released_model():
    """The pristine model of the original release."""
    return _load_once(kept(NIQE))


_load_once = functools.lru_cache(maxsize=1)(load_pristine_model)
