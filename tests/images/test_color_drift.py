"""Colours that drift, found and taken out."""

import numpy as np
import pytest

from icdpm.images.color_drift import match_color, measure_drift
from icdpm.restoration.result import Restored

DRIFT = np.array([6.0, -4.0, 3.0])


@pytest.fixture
def picture():
    """A scene with detail everywhere and far from black and white, uint8 [200, 300, 3]."""
    rng = np.random.default_rng(0)
    smooth = 120 + 40 * np.sin(np.arange(300) / 50)[None, :, None] + np.zeros((200, 300, 3))
    return np.round(smooth + rng.normal(0, 12, smooth.shape)).clip(30, 225).astype(np.uint8)


def drifted(picture, scale=1):
    """A drift that grows from half to one and a half times DRIFT across the picture."""
    moved = picture + scale * np.round(DRIFT * np.linspace(0.5, 1.5, picture.shape[1])[:, None])
    return moved.astype(picture.dtype)


@pytest.mark.parametrize("scale", [1, 257])
def test_drift_is_measured_in_8_bit_steps_and_taken_out(picture, scale):
    picture = picture.astype(np.uint16 if scale > 1 else np.uint8) * np.array(scale, np.uint16 if scale > 1 else np.uint8)
    moved = drifted(picture, scale)
    drift = measure_drift(picture, moved)
    np.testing.assert_allclose(drift.mean_error, DRIFT, atol=0.1)
    assert drift.largest == pytest.approx(8.0, abs=1.0)
    matched = match_color(picture, moved)
    assert matched.dtype == picture.dtype and matched.shape == picture.shape
    after = measure_drift(picture, matched)
    assert np.abs(after.mean_error).max() < 0.5 and after.largest < 1


def test_detail_is_left_alone(picture):
    """What is added is smooth: between neighbours it changes by no more than the rounding."""
    moved = drifted(picture)
    added = match_color(picture, moved).astype(int) - moved
    for axis in (0, 1):
        assert np.abs(np.diff(added, axis=axis)).max() <= 1
    assert np.array_equal(match_color(picture, picture), picture)


def test_blur_of_light_is_no_drift():
    """A scene of strong contrast against its blur: their sRGB means differ, their light does not."""
    light = np.random.default_rng(1).choice([0.02, 0.9], (256, 256))
    blurred = sum(np.roll(light, shift, axis=1) for shift in range(8)) / 8
    sharp, blurry = (np.round(255 * (1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8) for x in (light, blurred))
    drift = measure_drift(blurry, sharp)
    assert drift.mean_error[0] < -20 and drift.largest < 2
    assert "gray -" in str(drift)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1), (3, 5000, 3), (70, 2), (65, 97, 3)])
def test_any_shape(shape):
    picture = np.full(shape, 100, np.uint8)
    moved = picture + np.uint8(5)
    assert measure_drift(picture, moved).mean_error == pytest.approx(5)
    np.testing.assert_array_equal(match_color(picture, moved), picture)
    # All black, where light has hardly a slope.
    black = np.zeros(shape, np.uint8)
    np.testing.assert_array_equal(match_color(black, black), black)


def test_kept_samples_are_matched_too(picture):
    moved = drifted(picture)
    matched = Restored(moved, samples=[moved, picture]).match_color(picture)
    np.testing.assert_array_equal(matched.pixels, match_color(picture, moved))
    np.testing.assert_array_equal(matched.samples[0], matched.pixels)
    np.testing.assert_array_equal(matched.samples[1], picture)
    assert Restored(moved).match_color(picture).samples is None
