"""Structural similarity of the luma."""

from icdpm.metrics.as_uint8 import as_uint8_pair
from icdpm.metrics.luma import studio_y
from icdpm.metrics.structural_similarity import mean_similarity

PROTOCOL = (
    "SSIM over Y (BT.601, studio range, not rounded) of uint8 RGB pictures, 11×11 Gaussian window with σ 1.5, "
    "K1 0.01, K2 0.03, L 255, over the valid region, without downsampling"
)


def ssim_y(restored, sharp):
    """SSIM of one picture's Y, 1 where the two are equal."""
    return mean_similarity(*map(studio_y, as_uint8_pair(restored, sharp)))
