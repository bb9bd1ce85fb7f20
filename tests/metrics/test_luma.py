import numpy as np

from icdpm.metrics.luma import matlab_gray, studio_y


def test_gray_is_rounded_as_matlab_rounds():
    # 76.23, 149.70, 29.08, 18.15, 1.82 and 255 before rounding.
    colors = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30], [1, 2, 3], [255, 255, 255]]], np.uint8)
    np.testing.assert_array_equal(matlab_gray(colors), [[76, 150, 29, 18, 2, 255]])


def test_y_covers_the_studio_range():
    ends = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    np.testing.assert_allclose(studio_y(ends), [[16, 235, 81.481]], atol=1e-12)
