"""Tests of icdpm.images.pixels."""

import io

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.images.pixels import array_to_pixels, to_pixels, to_values


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(64, 256), (64, 256, 3)])
def test_every_value_comes_back(dtype, shape):
    most = np.iinfo(dtype).max
    image = np.resize(np.linspace(0, most, 64 * 256).round(), shape).astype(dtype)
    values = to_values(image)
    assert values.shape == (64, 256, 3) and values.dtype == np.float32
    assert values.min() == -1 and values.max() == 1
    back = to_pixels(values.astype(np.float64), image)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, image)


def test_values_out_of_range_are_clipped_and_gray_is_the_mean():
    values = np.array([[[-1.2, 0.0, 1.2], [-2.0, -2.0, -2.0]]])
    np.testing.assert_array_equal(to_pixels(values, np.zeros((1, 2, 3), np.uint8)), [[[0, 128, 255], [0, 0, 0]]])
    np.testing.assert_array_equal(to_pixels(values, np.zeros((1, 2), np.uint16)), [[32768, 0]])


@pytest.mark.parametrize("dtype", ["u1", "u2", "f2", "f4", "f8"])
@pytest.mark.parametrize("order", "<>")
def test_arrays_of_any_byte_order_are_images(dtype, order):
    array = np.arange(12).reshape(2, 2, 3).astype(np.dtype(dtype).newbyteorder(order))
    pixels = array_to_pixels(array / 16 if dtype[0] == "f" else array)
    expected = np.round(np.arange(12) * 65535 / 16) if dtype[0] == "f" else np.arange(12)
    assert pixels.dtype.isnative and pixels.dtype in (np.uint8, np.uint16)
    np.testing.assert_allclose(pixels.ravel(), expected, atol=1)


@pytest.mark.parametrize("given", [io.BytesIO(b"an image"), b"an image", None, [None]])
def test_an_object_that_is_no_image_is_named_by_its_type(given):
    with pytest.raises(IcdpmError, match=f"a path, a Pillow image or an array; this one is of type {type(given).__name__}"):
        array_to_pixels(given)
