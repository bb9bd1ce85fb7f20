"""One channel of an RGB picture: the two conversions that published metrics use."""

import numpy as np

# The first row of MATLAB's rgb2gray: the inverse of its NTSC matrix, to the digits that decide a rounding.
_GRAY = np.linalg.inv([[1.0, 0.956, 0.621], [1.0, -0.272, -0.647], [1.0, -1.106, 1.703]])[0]
# ITU-R BT.601, 8 bits, studio range.
_Y = np.array([65.481, 128.553, 24.966]) / 255


def matlab_gray(picture):
    """MATLAB's `rgb2gray` of a uint8 picture: float64 [height, width], whole numbers in 0…255, halves rounded up."""
    return np.floor(picture @ _GRAY + 0.5)


def studio_y(picture):
    """Y of BT.601 in 16…235 of a uint8 picture: float64 [height, width], not rounded."""
    return picture @ _Y + 16
