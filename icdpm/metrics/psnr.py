"""Peak signal-to-noise ratio."""

import math

import numpy as np

from icdpm.metrics.as_uint8 import as_uint8_pair

PROTOCOL = "PSNR in dB over the RGB values of uint8 pictures, peak 255"


def psnr(restored, sharp):
    """PSNR in dB of one picture; infinite where the two are equal. A data set's PSNR is the mean over its pictures."""
    restored, sharp = as_uint8_pair(restored, sharp)
    mean_square = np.mean(np.square(restored.astype(np.float64) - sharp))
    return math.inf if mean_square == 0 else float(10 * np.log10(255**2 / mean_square))
