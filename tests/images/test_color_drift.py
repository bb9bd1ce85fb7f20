"""Tests of icdpm.images.color_drift."""

import numpy as np
import pytest

from icdpm.images.color_drift import match_color, measure_drift
from icdpm.restoration.result import Restored

DRIFT = np.array([6.0, -4.0, 3.0])


@pytest.fixture
def image():
    """A scene with detail everywhere and far from black and white, uint8 [200, 300, 3]."""
    rng = np.random.default_rng(0)
    smooth = 120 + 40 * np.sin(np.arange(300) / 50)[None, :, None] + np.zeros((200, 300, 3))
    return np.round(smooth + rng.normal(0, 12, smooth.shape)).clip(30, 225).astype(np.uint8)


def drifted(image, scale=1):
    """Adds a drift that grows from half to one and a half times DRIFT across the image."""
    moved = image + scale * np.round(DRIFT * np.linspace(0.5, 1.5, image.shape[1])[:, None])
    return moved.astype(image.dtype)


@pytest.mark.parametrize("scale", [1, 257])
def test_drift_is_measured_in_8_bit_steps_and_removed(image, scale):
    image = image.astype(np.uint16 if scale > 1 else np.uint8) * np.array(scale, np.uint16 if scale > 1 else np.uint8)
    moved = drifted(image, scale)
    drift = measure_drift(image, moved)
    np.testing.assert_allclose(drift.mean_error, DRIFT, atol=0.1)
    assert drift.largest == pytest.approx(8.0, abs=1.0)
    matched = match_color(image, moved)
    assert matched.dtype == image.dtype and matched.shape == image.shape
    after = measure_drift(image, matched)
    assert np.abs(after.mean_error).max() < 0.5 and after.largest < 1


def test_detail_does_not_change(image):
    """The correction is smooth: between neighbors it changes only by rounding."""
    moved = drifted(image)
    added = match_color(image, moved).astype(int) - moved
    for axis in (0, 1):
        assert np.abs(np.diff(added, axis=axis)).max() <= 1
    assert np.array_equal(match_color(image, image), image)


def test_blur_of_light_is_not_drift():
    """A scene of strong contrast and its blurred version differ in their sRGB means, but not in their light."""
    light = np.random.default_rng(1).choice([0.02, 0.9], (256, 256))
    blurred = sum(np.roll(light, shift, axis=1) for shift in range(8)) / 8
    sharp, blurry = (np.round(255 * (1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8) for x in (light, blurred))
    drift = measure_drift(blurry, sharp)
    assert drift.mean_error[0] < -20 and drift.largest < 2
    assert "gray -" in str(drift)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1), (3, 5000, 3), (70, 2), (65, 97, 3)])
def test_any_shape(shape):
    image = np.full(shape, 100, np.uint8)
    moved = image + np.uint8(5)
    assert measure_drift(image, moved).mean_error == pytest.approx(5)
    np.testing.assert_array_equal(match_color(image, moved), image)
    # Black, where the slope of light is almost zero.
    black = np.zeros(shape, np.uint8)
    np.testing.assert_array_equal(match_color(black, black), black)


def test_samples_are_matched_too(image):
    moved = drifted(image)
    matched = Restored(moved, samples=[moved, image]).match_color(image)
    np.testing.assert_array_equal(matched.pixels, match_color(image, moved))
    np.testing.assert_array_equal(matched.samples[0], matched.pixels)
    np.testing.assert_array_equal(matched.samples[1], image)
    assert Restored(moved).match_color(image).samples is None
