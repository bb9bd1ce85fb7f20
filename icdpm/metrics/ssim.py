"""Structural similarity of the three channels."""

from icdpm.metrics.as_uint8 import as_uint8_pair
from icdpm.metrics.structural_similarity import mean_similarity

# The other readings differ in the second decimal: `ssim_matlab_rgb` and `ssim_y`.
PROTOCOL = (
    "SSIM of uint8 RGB pictures, 2-D in each channel and averaged, 11×11 Gaussian window with σ 1.5, "
    "K1 0.01, K2 0.03, over the valid region, without downsampling"
)


def ssim(restored, sharp):
    """SSIM of one picture, 1 where the two are equal."""
    return mean_similarity(*as_uint8_pair(restored, sharp))
