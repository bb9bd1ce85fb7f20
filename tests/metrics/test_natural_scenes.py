import math

import numpy as np
import pytest

from icdpm.metrics.natural_scenes import block_features


@pytest.fixture(scope="module")
def scene():
    """A gray picture of one block and a half, in which neighbours resemble each other."""
    noise = np.random.RandomState(0).uniform(0, 255, (110, 150))
    return np.round((noise + np.roll(noise, 1, 0) + 2 * np.roll(noise, 2, 1)) / 4)


def normalised(gray):
    """Luminance less its local mean, over its local deviation and 1, by sums over the 7×7 places around each."""
    distance = np.arange(7) - 3
    weight = np.exp(-(distance[:, None] ** 2 + distance**2) / (2 * (7 / 6) ** 2))
    weight /= weight.sum()
    around = np.lib.stride_tricks.sliding_window_view(np.pad(gray, 3, mode="edge"), (7, 7))
    mean = np.sum(weight * around, axis=(2, 3))
    deviation = np.sqrt(np.sum(weight * (around - mean[..., None, None]) ** 2, axis=(2, 3)))
    return (gray - mean) / (deviation + 1), deviation


def fitted(values):
    """The asymmetric generalised Gaussian of values: the shape is searched from 0.2 to 10."""
    left = math.sqrt(np.mean(values[values < 0] ** 2))
    right = math.sqrt(np.mean(values[values > 0] ** 2))
    skew = left / right
    wanted = np.mean(np.abs(values)) ** 2 / np.mean(values**2) * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2

    def ratio(a):
        return math.gamma(2 / a) ** 2 / (math.gamma(1 / a) * math.gamma(3 / a))

    shape = min((n / 1000 for n in range(200, 10001)), key=lambda a: (ratio(a) - wanted) ** 2)
    scale = math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
    return shape, left * scale, right * scale


def written_out(block):
    shape, left, right = fitted(block)
    features = [shape, (left + right) / 2]
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = fitted(block * np.roll(block, (down, across), (0, 1)))
        features += [shape, (right - left) * math.gamma(2 / shape) / math.gamma(1 / shape), left, right]
    return features


def halved(gray):
    """Keys' cubic at twice its width, the border mirrored: MATLAB's imresize to one half."""

    def cubic(x):
        x = abs(x)
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2

    taps = np.array([cubic((n - 3.5) / 2) for n in range(8)])
    around = np.lib.stride_tricks.sliding_window_view(np.pad(gray, 3, mode="symmetric"), (8, 8))[::2, ::2]
    return np.einsum("abij,i,j->ab", around, taps, taps) / taps.sum() ** 2


def test_features_equal_their_definition(scene):
    features, sharpness = block_features(scene)
    block = scene[:96, :96]
    full, deviation = normalised(block)
    half, _ = normalised(halved(block))
    np.testing.assert_allclose(features, [written_out(full) + written_out(half)], rtol=1e-9)
    np.testing.assert_allclose(sharpness, [deviation.mean()], rtol=1e-9)


def test_blocks_are_in_order_and_the_border_is_unused(scene):
    mosaic = np.tile(scene[:96, :96], (2, 3))
    mosaic[96:, :96] = 7
    features, sharpness = block_features(np.pad(mosaic, [(0, 95), (0, 95)]))
    assert features.shape == (6, 36) and sharpness.argmin() == 3
    assert np.isnan(features).any(axis=1).tolist() == [False, False, False, True, False, False]


def test_even_areas_do_not_depend_on_how_sums_are_rounded(scene):
    # An even grey whose weighted mean is not exactly itself in floating point, beside texture.
    mosaic = np.tile(scene[:96, :96], (1, 2))
    mosaic[:, 110:] = 77
    expected, _ = block_features(mosaic)
    # Turned over, every sum is taken in another order.
    turned, _ = block_features(mosaic[::-1])
    np.testing.assert_allclose(turned[:, :2], expected[:, :2], rtol=1e-9)
    np.testing.assert_allclose(turned[:, 18:20], expected[:, 18:20], rtol=1e-9)
