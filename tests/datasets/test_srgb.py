"""The sRGB transfer functions."""

import numpy as np

from icdpm_datasets.srgb import to_linear, to_srgb


def test_every_byte_survives_the_round_trip():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_srgb(to_linear(every)), every)


def test_values_of_the_standard():
    # 10 lies on the straight part of the curve, 188 is half the light of 255.
    linear = to_linear(np.uint8([0, 10, 188, 255]))
    np.testing.assert_allclose(linear, [0, 10 / 255 / 12.92, ((188 / 255 + 0.055) / 1.055) ** 2.4, 1], rtol=1e-6)
    np.testing.assert_array_equal(to_srgb(np.array([0.5, 0.0031308, 0.2158605])), [188, 10, 128])


def test_light_beyond_the_range_is_clipped():
    np.testing.assert_array_equal(to_srgb(np.array([-0.1, 1.7])), [0, 255])
