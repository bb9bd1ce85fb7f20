"""Structural similarity under a Gaussian window, of which every reading of SSIM is made (Wang et al., "Image Quality
Assessment: From Error Visibility to Structural Similarity").
"""

import numpy as np
from scipy.ndimage import correlate1d

SIZE = 11
SIGMA = 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_WINDOW = np.exp(-((np.arange(SIZE) - SIZE // 2) ** 2) / (2 * SIGMA**2))
_WINDOW /= _WINDOW.sum()


def mean_similarity(restored, sharp, mask=None):
    """The mean of SSIM over the places where the window fits into the picture.

    Args:
      restored, sharp: arrays [height, width, …] of values in 0…255, each channel for itself.
      mask: [height, width], 1 where a place counts and 0 where not; None: all count.

    Raises:
      ValueError: the pictures are smaller than the window, or none of the places counts.
    """
    check_window_fits(sharp, "SSIM")
    luminance, structure = similarity_maps(restored, sharp)
    similarity = inside(luminance * structure)
    if mask is None:
        return float(similarity.mean())
    counted = inside(mask) != 0
    if not counted.any():
        raise ValueError("the aligned pictures overlap too little")
    return float(similarity[counted].mean())


def similarity_maps(restored, sharp, axes=(0, 1)):
    """SSIM's two factors at every place of two arrays of values in 0…255: luminance, and contrast with structure.

    The window (11 wide, σ 1.5) reaches along `axes`; beyond the border the outermost values are repeated. Their product
    is equation 13 of Wang et al. with K1 0.01 and K2 0.03.
    """
    x, y = restored.astype(np.float64), sharp.astype(np.float64)
    mean_x, mean_y = _smooth(x, axes), _smooth(y, axes)
    means, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    luminance = (2 * means + _C1) / (squares + _C1)
    variances = _smooth(x**2 + y**2, axes) - squares
    covariance = _smooth(x * y, axes) - means
    return luminance, (2 * covariance + _C2) / (variances + _C2)


def inside(similarity):
    """The part of a map where the window fits into the picture."""
    border = SIZE // 2
    return similarity[border:-border, border:-border]


def check_window_fits(picture, name):
    """Refuses a picture that is smaller than the window."""
    height, width = picture.shape[:2]
    if min(height, width) < SIZE:
        raise ValueError(f"{name} needs pictures of {SIZE}×{SIZE} or more, not {width}×{height}")


def _smooth(values, axes):
    for axis in axes:
        values = correlate1d(values, _WINDOW, axis, mode="nearest")
    return values
