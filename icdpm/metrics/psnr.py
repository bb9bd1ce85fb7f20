"""Peak signal-to-noise ratio (PSNR), of RGB and of luma."""

from __future__ import annotations

import math

import numpy as np

from icdpm.metrics.inputs import as_levels_pair, studio_y

PROTOCOL = "PSNR in dB over the RGB values of uint8 images, peak 255"
PROTOCOL_Y = "PSNR in dB over Y (BT.601, studio range, not rounded) of uint8 RGB images, peak 255"


def psnr(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Returns the PSNR of an image in dB, infinite if the images are equal. That of a data set is the mean over its images."""
    restored, sharp = as_levels_pair(restored, sharp)
    return _psnr(restored.astype(np.float64) - sharp)


def psnr_y(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Returns the PSNR of an image's luma Y in dB, infinite if the lumas are equal."""
    restored, sharp = as_levels_pair(restored, sharp)
    return _psnr(studio_y(restored) - studio_y(sharp))


def _psnr(difference):
    mean_square = np.mean(np.square(difference))
    return math.inf if mean_square == 0 else float(10 * np.log10(255**2 / mean_square))
