"""Structural similarity (SSIM; Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004).

The literature has several definitions, whose values differ in the second decimal: of each RGB channel, of the luma, and as
MATLAB's `ssim` computes it of RGB arrays. Multi-scale SSIM is that of Wang, Simoncelli and Bovik, 2003.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

from icdpm.metrics.inputs import MetricUndefined, as_levels_pair, check_size, matlab_gray, studio_y

WINDOW_SIZE = 11
WINDOW_SIGMA = 1.5
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# The window has to fit into the image at the coarsest scale.
MS_SMALLEST = WINDOW_SIZE * 2 ** (len(MS_WEIGHTS) - 1)

PROTOCOL = (
    "SSIM of uint8 RGB images, 2-D in each channel and averaged, 11×11 Gaussian window with σ 1.5, "
    "K1 0.01, K2 0.03, over the valid region, without downsampling"
)
PROTOCOL_Y = (
    "SSIM over Y (BT.601, studio range, not rounded) of uint8 RGB images, 11×11 Gaussian window with σ 1.5, "
    "K1 0.01, K2 0.03, L 255, over the valid region, without downsampling"
)
PROTOCOL_MATLAB_RGB = (
    "SSIM of uint8 RGB images as MATLAB's ssim takes them: 11×11×11 Gaussian window with σ 1.5 over height, width and "
    "channels, borders replicated, K1 0.01, K2 0.03, L 255, over the whole image, without downsampling"
)
PROTOCOL_MS = (
    "MS-SSIM of uint8 images in gray (MATLAB's rgb2gray), 5 scales by 2×2 averages, weights "
    f"{', '.join(map(str, MS_WEIGHTS))}, 11×11 Gaussian window with σ 1.5, K1 0.01, K2 0.03, over the valid region"
)

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_WINDOW = np.exp(-((np.arange(WINDOW_SIZE) - WINDOW_SIZE // 2) ** 2) / (2 * WINDOW_SIGMA**2))
_WINDOW /= _WINDOW.sum()


def ssim(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Returns the SSIM of an image, the mean over its channels; 1 if the images are equal."""
    return mean_similarity(*as_levels_pair(restored, sharp))


def ssim_y(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Returns the SSIM of an image's luma Y; 1 if the lumas are equal."""
    return mean_similarity(*map(studio_y, as_levels_pair(restored, sharp)))


def ssim_matlab_rgb(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Returns the SSIM of an image as MATLAB's `ssim` computes it of RGB arrays; 1 if the images are equal.

    MATLAB treats an RGB array as a volume, so that its Gaussian window extends across the channels. The evaluation scripts of
    several restoration papers call it so.
    """
    restored, sharp = as_levels_pair(restored, sharp)
    check_size(sharp.shape, WINDOW_SIZE, "SSIM")
    luminance, structure = similarity_maps(restored, sharp, axes=(0, 1, 2))
    return float((luminance * structure).mean())


def ms_ssim(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Returns the MS-SSIM of an image, the product of the scales' similarities raised to their weights; 1 if equal.

    Negative similarities, whose powers are not real, count as 0.
    """
    return float(np.prod(np.power(np.maximum(scale_similarities(restored, sharp), 0), MS_WEIGHTS)))


def scale_similarities(restored: np.ndarray, sharp: np.ndarray) -> list[float]:
    """Returns the mean similarity at each scale, finest first: contrast times structure, at the last scale times luminance.

    Their weighted sum, in place of the product, is the definition that Wang et al.'s MATLAB code calls `wtd_sum`.
    """
    restored, sharp = as_levels_pair(restored, sharp)
    check_size(sharp.shape, MS_SMALLEST, "MS-SSIM")
    x, y = matlab_gray(restored), matlab_gray(sharp)
    similarities = []
    for scale in range(len(MS_WEIGHTS)):
        if scale:
            x, y = _halve(x), _halve(y)
        luminance, structure = map(_valid_region, similarity_maps(x, y))
        similarities.append(structure.mean())
    return similarities[:-1] + [(luminance * structure).mean()]


def mean_similarity(restored: np.ndarray, sharp: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Returns the mean of SSIM over the pixels where the window fits into the image.

    Args:
      restored: arrays [height, width, …] of values in 0…255; the channels are independent of each other.
      sharp: arrays [height, width, …] of values in 0…255; the channels are independent of each other.
      mask: [height, width], nonzero where a pixel counts; None: all count.

    Raises:
      MetricUndefined: the images are smaller than the window, or no pixel counts.
    """
    check_size(sharp.shape, WINDOW_SIZE, "SSIM")
    luminance, structure = similarity_maps(restored, sharp)
    similarity = _valid_region(luminance * structure)
    if mask is None:
        return float(similarity.mean())
    counted = _valid_region(mask) != 0
    if not counted.any():
        raise MetricUndefined("The mask must contain a pixel where the window fits into the image. Received: none.")
    return float(similarity[counted].mean())


def similarity_maps(restored: np.ndarray, sharp: np.ndarray, axes: tuple[int, ...] = (0, 1)) -> tuple[np.ndarray, np.ndarray]:
    """Returns the two factors of SSIM at every pixel: luminance, and contrast times structure.

    Their product is equation 13 of Wang et al. with K1 0.01 and K2 0.03.

    Args:
      restored: arrays of values in 0…255.
      sharp: arrays of values in 0…255.
      axes: along which the window (11 wide, σ 1.5) extends. Beyond the border the outermost values are repeated.
    """
    x, y = restored.astype(np.float64), sharp.astype(np.float64)
    mean_x, mean_y = _smooth(x, axes), _smooth(y, axes)
    means, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    luminance = (2 * means + _C1) / (squares + _C1)
    variances = _smooth(x**2 + y**2, axes) - squares
    covariance = _smooth(x * y, axes) - means
    return luminance, (2 * covariance + _C2) / (variances + _C2)


def _valid_region(similarity):
    """Returns the part of a map where the window fits into the image."""
    border = WINDOW_SIZE // 2
    return similarity[border:-border, border:-border]


def _smooth(values, axes):
    for axis in axes:
        values = correlate1d(values, _WINDOW, axis, mode="nearest")
    return values


def _halve(gray):
    """Averages 2×2 pixels; an odd last row or column is repeated."""
    height, width = gray.shape
    even = np.pad(gray, [(0, height % 2), (0, width % 2)], mode="edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
