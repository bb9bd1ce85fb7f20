"""Multi-scale structural similarity (Wang, Simoncelli and Bovik, 2003)."""

import numpy as np

from icdpm.metrics.as_uint8 import as_uint8_pair
from icdpm.metrics.luma import matlab_gray
from icdpm.metrics.structural_similarity import SIZE, inside, similarity_maps

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
PROTOCOL = (
    "MS-SSIM of uint8 pictures in gray (MATLAB's rgb2gray), 5 scales by 2×2 averages, weights "
    f"{', '.join(map(str, WEIGHTS))}, 11×11 Gaussian window with σ 1.5, K1 0.01, K2 0.03, over the valid region"
)
# The window has to fit at the coarsest scale.
SMALLEST = SIZE * 2 ** (len(WEIGHTS) - 1)


def ms_ssim(restored, sharp):
    """MS-SSIM of one picture, 1 where the two are equal: the product of the scales' similarities to their weights.

    A negative similarity, which has no real power, counts as 0.
    """
    return float(np.prod(np.power(np.maximum(scale_similarities(restored, sharp), 0), WEIGHTS)))


def scale_similarities(restored, sharp):
    """Each scale's mean similarity, finest first: contrast with structure, at the last scale times luminance.

    Weighted and summed instead of multiplied they give the reading that Wang et al.'s MATLAB code calls `wtd_sum`.
    """
    restored, sharp = as_uint8_pair(restored, sharp)
    height, width = sharp.shape[:2]
    if min(height, width) < SMALLEST:
        raise ValueError(f"MS-SSIM needs pictures of {SMALLEST}×{SMALLEST} or more, not {width}×{height}")
    x, y = matlab_gray(restored), matlab_gray(sharp)
    similarities = []
    for scale in range(len(WEIGHTS)):
        if scale:
            x, y = _halve(x), _halve(y)
        luminance, structure = map(inside, similarity_maps(x, y))
        similarities.append(structure.mean())
    return similarities[:-1] + [(luminance * structure).mean()]


def _halve(gray):
    """The means of 2×2 pixels; an odd last row or column is repeated."""
    height, width = gray.shape
    even = np.pad(gray, [(0, height % 2), (0, width % 2)], mode="edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
