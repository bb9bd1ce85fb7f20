"""Peak signal-to-noise ratio of the luma."""

import math

import numpy as np

from icdpm.metrics.as_uint8 import as_uint8_pair
from icdpm.metrics.luma import studio_y

PROTOCOL = "PSNR in dB over Y (BT.601, studio range, not rounded) of uint8 RGB pictures, peak 255"


def psnr_y(restored, sharp):
    """PSNR in dB of one picture's Y; infinite where the two are equal."""
    restored, sharp = as_uint8_pair(restored, sharp)
    mean_square = np.mean(np.square(studio_y(restored) - studio_y(sharp)))
    return math.inf if mean_square == 0 else float(10 * np.log10(255**2 / mean_square))
