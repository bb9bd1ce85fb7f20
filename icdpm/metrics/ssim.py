"""Structural similarity (Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity")."""

from icdpm.metrics.gaussian import check_window_fits, inside, similarity_maps
from icdpm.metrics.pictures import as_uint8_pair

# The other readings differ in the second decimal: `ssim_matlab_rgb` and `ssim_y`.
PROTOCOL = (
    "SSIM of uint8 RGB pictures, 2-D in each channel and averaged, 11×11 Gaussian window with σ 1.5, "
    "K1 0.01, K2 0.03, over the valid region, without downsampling"
)


def ssim(restored, sharp):
    """SSIM of one picture, 1 where the two are equal."""
    restored, sharp = as_uint8_pair(restored, sharp)
    check_window_fits(sharp, "SSIM")
    luminance, structure = similarity_maps(restored, sharp)
    return float(inside(luminance * structure).mean())
