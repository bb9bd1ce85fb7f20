"""Structural similarity of the luma."""

from icdpm.metrics.gaussian import check_window_fits, inside, similarity_maps
from icdpm.metrics.luma import studio_y
from icdpm.metrics.pictures import as_uint8_pair

PROTOCOL = (
    "SSIM over Y (BT.601, studio range, not rounded) of uint8 RGB pictures, 11×11 Gaussian window with σ 1.5, "
    "K1 0.01, K2 0.03, L 255, over the valid region, without downsampling"
)


def ssim_y(restored, sharp):
    """SSIM of one picture's Y, 1 where the two are equal."""
    restored, sharp = as_uint8_pair(restored, sharp)
    check_window_fits(sharp, "SSIM")
    luminance, structure = similarity_maps(studio_y(restored), studio_y(sharp))
    return float(inside(luminance * structure).mean())
