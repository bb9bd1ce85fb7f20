"""Structural similarity as MATLAB's `ssim` computes it of colour pictures.

The evaluation scripts of several restoration papers hand it RGB arrays, which it takes for volumes: its Gaussian
window reaches across the channels too.
"""

from icdpm.metrics.as_uint8 import as_uint8_pair
from icdpm.metrics.structural_similarity import check_window_fits, similarity_maps

PROTOCOL = (
    "SSIM of uint8 RGB pictures as MATLAB's ssim takes them: 11×11×11 Gaussian window with σ 1.5 over height, width and "
    "channels, borders replicated, K1 0.01, K2 0.03, L 255, over the whole picture, without downsampling"
)


def ssim_matlab_rgb(restored, sharp):
    """SSIM of one picture, 1 where the two are equal."""
    restored, sharp = as_uint8_pair(restored, sharp)
    check_window_fits(sharp, "SSIM")
    luminance, structure = similarity_maps(restored, sharp, axes=(0, 1, 2))
    return float((luminance * structure).mean())
