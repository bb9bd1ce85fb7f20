"""sRGB transfer functions."""

import numpy as np

from icdpm.images.srgb import light_tables, to_linear, to_srgb


def test_every_byte_is_unchanged_by_the_round_trip():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_srgb(to_linear(every)), every)


def test_values_of_the_standard():
    # 10 is on the linear part of the curve, 188 is half the light of 255.
    linear = to_linear(np.uint8([0, 10, 188, 255]))
    np.testing.assert_allclose(linear, [0, 10 / 255 / 12.92, ((188 / 255 + 0.055) / 1.055) ** 2.4, 1], rtol=1e-6)
    np.testing.assert_array_equal(to_srgb(np.array([0.5, 0.0031308, 0.2158605])), [188, 10, 128])


def test_light_outside_the_range_is_clipped():
    np.testing.assert_array_equal(to_srgb(np.array([-0.1, 1.7])), [0, 255])


def test_sixteen_bits_hold_the_values_of_eight():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_allclose(to_linear(every.astype(np.uint16) * 257), to_linear(every), rtol=1e-6)


def test_the_slope_is_that_of_the_light():
    light, slope = light_tables(np.dtype(np.uint16))
    np.testing.assert_allclose(np.gradient(light.astype(np.float64), 1 / 65535)[3000:-1], slope[3000:-1], rtol=2e-3)
