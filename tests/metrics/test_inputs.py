"""Checks and color conversions of images."""

import numpy as np
import pytest

from icdpm.metrics.inputs import as_levels_pair, as_uint8_pair, matlab_gray, studio_y


def plain(value, dtype=np.uint8):
    return np.full([32, 32, 3], value, dtype)


@pytest.mark.parametrize(
    "restored, message",
    [
        (np.zeros([32, 31, 3], np.uint8), "same size. Received: a restored image of 31×32 and a sharp one of 32×32"),
        (np.zeros([32, 32], np.uint8), "restored image must be RGB"),
        (np.zeros([32, 32, 4], np.uint8), "restored image must be RGB"),
        (np.zeros([1, 32, 32, 3], np.uint8), "restored image must be RGB"),
        (np.zeros([0, 32, 3], np.uint8), "restored image must be RGB"),
        (plain(1, np.int64), "must be uint8, uint16 or float. Received: int64"),
        (plain(np.nan, np.float32), "restored image must be finite. Received: NaN"),
        (plain(-1, np.float32), r"in \[0, 1\] if it is float. Received: -1 to -1"),
        (plain(200, np.float32), r"in \[0, 1\] if it is float. Received: 200 to 200"),
    ],
)
def test_invalid_images_raise(restored, message):
    with pytest.raises(ValueError, match=message):
        as_uint8_pair(restored, plain(1))


def test_sixteen_bits_are_kept_or_rounded():
    deep = np.random.default_rng(0).integers(0, 65536, (32, 32, 3), np.uint16)
    np.testing.assert_array_equal(as_uint8_pair(deep, plain(1))[0], np.round(deep / 257))
    one, other = as_levels_pair(deep, plain(1))
    np.testing.assert_allclose(one * 257, deep, rtol=1e-15)
    np.testing.assert_array_equal(other, 1.0)
    assert all(image.dtype == np.uint8 for image in as_levels_pair(plain(3), plain(1)))
    gray = matlab_gray(one) * 257
    np.testing.assert_allclose(gray, np.round(gray), atol=1e-9)


def test_gray_is_rounded_as_matlab_rounds():
    # 76.23, 149.70, 29.08, 18.15, 1.82 and 255 before rounding.
    colors = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30], [1, 2, 3], [255, 255, 255]]], np.uint8)
    np.testing.assert_array_equal(matlab_gray(colors), [[76, 150, 29, 18, 2, 255]])


def test_y_covers_the_studio_range():
    ends = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    np.testing.assert_allclose(studio_y(ends), [[16, 235, 81.481]], atol=1e-12)
