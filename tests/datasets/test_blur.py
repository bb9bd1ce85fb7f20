"""Synthetic blur."""

import numpy as np
import pytest
from scipy import ndimage

from icdpm.images.srgb import to_linear, to_srgb
from icdpm_datasets import blur
from icdpm_datasets.blur import (
    MARGIN,
    MAX_EXTENT,
    Motion,
    blur_pair,
    convolve,
    expose_layers,
    move_objects,
    shake_scene,
)
from icdpm_datasets.motion import shake_kernel
from icdpm_datasets.scenes import paint_object_mask, paint_scene

SIZE = 64
WHOLE = SIZE + 2 * MARGIN


@pytest.fixture
def perfect_sensor(monkeypatch):
    """No noise and no light beyond the range."""
    monkeypatch.setattr(blur, "add_noise", lambda rng, linear: linear)
    monkeypatch.setattr(blur, "_SATURATED", 0.0)


def pairs_of_every_kind(rng, whole, extent):
    yield shake_scene(rng, whole, extent)
    yield blur_pair(rng, whole[MARGIN:-MARGIN, MARGIN:-MARGIN], extent)
    yield move_objects(rng, whole, [], extent)
    objects = [(whole[::-1], paint_object_mask(rng, len(whole))) for _ in range(2)]
    yield move_objects(rng, whole, objects, extent)


def test_a_constant_image_stays_constant(perfect_sensor):
    flat = np.full((WHOLE, WHOLE, 3), (40, 130, 220), np.uint8)
    for seed in range(5):
        for images in pairs_of_every_kind(np.random.default_rng(seed), flat, 15.0):
            for image in images:
                assert image.shape == (SIZE, SIZE, 3)
                assert image.dtype == np.uint8
                np.testing.assert_array_equal(image, flat[:SIZE, :SIZE])


def test_a_point_of_light_becomes_the_kernel_in_linear_light(perfect_sensor):
    """The blurry image of a single white pixel is the kernel in linear light, not in encoded values."""
    whole = np.zeros((WHOLE, WHOLE, 3), np.uint8)
    whole[WHOLE // 2, WHOLE // 2] = 255
    blurry, _ = shake_scene(np.random.default_rng(7), whole, 8.0)
    rng = np.random.default_rng(7)
    rng.random()  # whether there is saturation
    kernel = shake_kernel(rng, 8.0)
    radius, middle = len(kernel) // 2, WHOLE // 2 - MARGIN
    expected = np.zeros((SIZE, SIZE))
    expected[middle - radius : middle + radius + 1, middle - radius : middle + radius + 1] = kernel
    np.testing.assert_allclose(blurry[..., 1].astype(int), to_srgb(expected), atol=1)
    # No light is lost: in linear values the sum over the image is that of the point.
    assert to_linear(blurry[..., 1]).sum() == pytest.approx(1, rel=0.02)


def test_convolution_equals_scipys_direct_one():
    rng = np.random.default_rng(0)
    light, kernel = rng.random((30, 34, 3), np.float32), rng.random((5, 5), np.float32)
    direct = np.stack([ndimage.convolve(light[..., c], kernel)[2:-2, 2:-2] for c in range(3)], axis=-1)
    result = convolve(light, kernel)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, direct, rtol=1e-4)


def test_zero_extent_leaves_the_image_unchanged(perfect_sensor):
    whole = paint_scene(np.random.default_rng(0), WHOLE, "deadleaves")
    for blurry, sharp in (
        shake_scene(np.random.default_rng(1), whole, 0.0),
        move_objects(np.random.default_rng(1), whole, [(whole, paint_object_mask(np.random.default_rng(2), WHOLE))], 0.0),
    ):
        np.testing.assert_allclose(blurry.astype(int), sharp, atol=1)
    _, sharp = shake_scene(np.random.default_rng(1), whole, 5.0)
    np.testing.assert_array_equal(sharp, whole[MARGIN:-MARGIN, MARGIN:-MARGIN])


def test_the_sharp_image_is_the_scene_for_any_motion(perfect_sensor):
    """The middle instant lies on whole pixels, so that no interpolation softens the target."""
    whole = paint_scene(np.random.default_rng(0), WHOLE, "deadleaves")
    for seed in range(6):
        _, sharp = move_objects(np.random.default_rng(seed), whole, [], 14.0)
        np.testing.assert_array_equal(sharp, whole[MARGIN:-MARGIN, MARGIN:-MARGIN])


def test_more_extent_is_more_blur(perfect_sensor):
    whole = paint_scene(np.random.default_rng(0), WHOLE, "deadleaves")

    def difference(extent):
        pairs = [shake_scene(np.random.default_rng(seed), whole, extent) for seed in range(4)]
        return np.mean([(blurry.astype(float) - sharp) ** 2 for blurry, sharp in pairs])

    errors = [difference(extent) for extent in (0.0, 1.5, 4.0, 9.0, 20.0)]
    assert errors == sorted(errors)
    assert errors[0] < 0.3


def shift_between(blurry, sharp):
    """Returns the peak of the images' cross-correlation, in whole pixels (dy, dx)."""
    a, b = (to_linear(image).mean(-1) for image in (blurry, sharp))
    window = np.hanning(len(a))[:, None] * np.hanning(len(a))[None]
    a, b = ((x - x.mean()) * window for x in (a, b))
    correlation = np.fft.irfft2(np.fft.rfft2(a) * np.conj(np.fft.rfft2(b)), s=a.shape)
    peak = np.array(np.unravel_index(correlation.argmax(), a.shape))
    return (peak + len(a) // 2) % len(a) - len(a) // 2


def test_blurry_and_sharp_are_aligned():
    shifts = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        whole = paint_scene(rng, WHOLE, "deadleaves")
        shifts += [shift_between(*images) for images in pairs_of_every_kind(rng, whole, 9.0)]
    assert np.linalg.norm(np.mean(shifts, axis=0)) < 0.7
    assert np.mean(np.linalg.norm(shifts, axis=-1)) < 1.5


def straight(instants, dy, dx):
    """Returns a motion at constant speed, (dy, dx) per instant."""
    steps = np.arange(instants)[:, None] - instants // 2
    still = np.zeros(instants)
    return Motion(steps * np.array([dy, dx], float), still, still)


def test_the_exposure_is_the_mean_of_its_instants():
    """A square that moves by one pixel per instant over a static background leaves exactly a ramp."""
    ground = np.full((WHOLE, WHOLE, 3), 0.25, np.float32)
    square = np.zeros((WHOLE, WHOLE, 4), np.float32)
    square[MARGIN + 20 : MARGIN + 30, MARGIN + 20 : MARGIN + 30] = 1.0
    exposed, instant = expose_layers(ground, [square], [straight(5, 0, 0), straight(5, 0, 1)])
    row = np.full(SIZE, 0.25)
    row[18:32] = 0.25 + 0.75 * np.array([1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 4, 3, 2, 1]) / 5
    np.testing.assert_allclose(exposed[25, :, 0], row, atol=1e-6)
    np.testing.assert_allclose(instant[25, :, 0], np.where((np.arange(SIZE) >= 20) & (np.arange(SIZE) < 30), 1, 0.25))
    np.testing.assert_array_equal(exposed[10], ground[10, :SIZE])


def test_a_background_follows_its_motion():
    ground = np.zeros((WHOLE, WHOLE, 3), np.float32)
    ground[MARGIN + 30, MARGIN + 20] = 1.0
    exposed, _ = expose_layers(ground, [], [straight(3, 2.5, -4)])
    found = {(int(y), int(x)): round(float(exposed[y, x, 0]), 4) for y, x in np.argwhere(exposed[..., 0] > 0)}
    # A third of an instant's light each: at (30, 20), and at ±(2.5, −4), which shares it between two rows.
    assert found == {(30, 20): 0.3333, (32, 16): 0.1667, (33, 16): 0.1667, (27, 24): 0.1667, (28, 24): 0.1667}


def test_rotation_and_zoom_about_the_center():
    rng = np.random.default_rng(0)
    ground = ndimage.gaussian_filter(rng.random((WHOLE, WHOLE, 3)), (2, 2, 0)).astype(np.float32)
    still = np.zeros((3, 2))
    quarter = Motion(still, np.array([-1, 0, 1]) * np.pi / 2, np.zeros(3))
    exposed, instant = expose_layers(ground, [], [quarter])
    np.testing.assert_allclose(3 * exposed, np.rot90(instant) + instant + np.rot90(instant, -1), atol=1e-4)
    larger = Motion(still, np.zeros(3), np.array([1.0, 0, 1.0]))
    ramp = np.broadcast_to(np.linspace(-1, 1, WHOLE, dtype=np.float32)[:, None, None], (WHOLE, WHOLE, 3))
    exposed, instant = expose_layers(ramp, [], [larger])
    np.testing.assert_allclose(exposed, instant * (2 * 0.5 + 1) / 3, atol=1e-5)


def test_every_motion_stays_inside_the_margin(monkeypatch, perfect_sensor):
    """At the largest extent nothing from outside the scene may be needed, which would be black here."""
    monkeypatch.setattr(blur, "_TURNED", 1.0)
    warp = ndimage.affine_transform
    monkeypatch.setattr(blur.ndimage, "affine_transform", lambda *a, mode, **k: warp(*a, mode="constant", cval=0, **k))
    flat = np.full((WHOLE, WHOLE, 3), 200, np.uint8)
    for seed in range(25):
        rng = np.random.default_rng(seed)
        for extent in (MAX_EXTENT - 4, MAX_EXTENT):
            objects = [(flat, np.full((WHOLE, WHOLE), 255 * (seed % 2), np.uint8))]
            for images in (shake_scene(rng, flat, extent), move_objects(rng, flat, objects, extent)):
                for image in images:
                    np.testing.assert_array_equal(image, flat[:SIZE, :SIZE])


def test_saturated_lights_leave_streaks_that_clipped_ones_cannot(monkeypatch):
    monkeypatch.setattr(blur, "add_noise", lambda rng, linear: linear)
    whole = np.zeros((WHOLE, WHOLE, 3), np.uint8)
    whole[WHOLE // 2 - 1 : WHOLE // 2 + 2, WHOLE // 2 - 1 : WHOLE // 2 + 2] = 255
    light = {}
    for fraction in (0.0, 1.0):
        monkeypatch.setattr(blur, "_SATURATED", fraction)
        blurry, sharp = shake_scene(np.random.default_rng(3), whole, 12.0)
        light[fraction] = to_linear(blurry).sum()
        np.testing.assert_array_equal(sharp, whole[MARGIN:-MARGIN, MARGIN:-MARGIN])
    assert light[1.0] > 1.8 * light[0.0]


def test_only_the_blurry_image_is_noisy(monkeypatch):
    monkeypatch.setattr(blur, "_SATURATED", 0.0)
    flat = np.full((WHOLE, WHOLE, 3), 120, np.uint8)
    for images in pairs_of_every_kind(np.random.default_rng(1), flat, 10.0):
        assert images[0].std() > 0
        np.testing.assert_array_equal(images[1], flat[:SIZE, :SIZE])


@pytest.mark.parametrize("shape", [(50, 81), (23, 300)])
def test_a_given_photo_of_any_shape(shape):
    photo = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    blurry, sharp = blur_pair(np.random.default_rng(0), photo, 21.0)
    assert blurry.shape == sharp.shape == photo.shape


def test_a_photo_smaller_than_its_shake_is_refused():
    with pytest.raises(ValueError, match="300×22 px is too small for a kernel of 45 px"):
        blur_pair(np.random.default_rng(0), np.zeros((22, 300, 3), np.uint8), 21.0)
