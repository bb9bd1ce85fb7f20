"""Sharp photos that become photos of a hand-held camera in poor light as they are read."""

import numpy as np
import pytest

from icdpm.images.srgb import to_linear
from icdpm_datasets import handheld
from icdpm_datasets.handheld import HandheldImages, blur_by_corners, corner_paths
from icdpm_datasets.load import load_pairs
from icdpm_datasets.motion import rasterize
from icdpm_datasets.motion_blur import convolve
from icdpm_datasets.pairs import load_crop


@pytest.fixture
def perfect_camera(monkeypatch):
    """Removes everything from the pairs but the blur of the background; returns a function that sets other constants."""
    for name in ("_STILL", "_ROLLED", "_LAYERED", "_LIT", "_DARK", "_NOISE", "_COMPRESSED"):
        monkeypatch.setattr(handheld, name, 0.0)
    monkeypatch.setattr(handheld, "soften", lambda rng, exposed, instant: (exposed, instant))
    return lambda **constants: [monkeypatch.setattr(handheld, name, value) for name, value in constants.items()]


def load_crops(source, number=24, crop=32):
    """Returns blurry and sharp crops of the larger photo, float64 [number, crop, crop, 3]."""
    draws = np.random.default_rng(0).integers(0, 2**31, (number, 3))
    pairs = [load_crop(source, 1, crop, random_ints) for random_ints in draws]
    return (np.stack(each).astype(float) for each in zip(*pairs))


def test_a_window_is_blurred_as_each_of_its_points_moves():
    """A point's path is that of the camera plus its rotation about the middle of the image."""
    camera = np.stack([np.linspace(-3, 3, 9), np.linspace(2, -2, 9)], axis=-1)
    image_size, corner, size, roll = (120, 160), (70, 100), (41, 31), 8.0  # the image's corners are 100 px from its middle
    paths = corner_paths(camera, roll, corner, size, image_size)
    for path, (y, x) in zip(paths, ((10, 20), (10, 51), (51, 20), (51, 51))):
        angles = np.linspace(-0.04, 0.04, 9)
        rotated = np.stack([np.cos(angles) * y - np.sin(angles) * x - y, np.sin(angles) * y + np.cos(angles) * x - x], axis=-1)
        np.testing.assert_allclose(path, camera + rotated, atol=0.06)  # the second order of the rotation
    assert corner_paths(camera, 0.0, corner, size, image_size) == [camera]


def test_the_blur_varies_linearly_between_the_corners():
    rng = np.random.default_rng(0)
    light = rng.random((21, 25, 3), np.float32)
    kernels = [rasterize(rng.uniform(-3, 3, (5, 2)), 4) for _ in range(4)]
    blurred = blur_by_corners(light, kernels, border=4)
    by_kernel = [convolve(light, kernel, 4) for kernel in kernels]
    for result, position in zip(by_kernel, ((0, 0), (0, -1), (-1, 0), (-1, -1))):
        np.testing.assert_allclose(blurred[position], result[position], atol=1e-6)
    np.testing.assert_allclose(blurred[6, 8], np.mean([each[6, 8] for each in by_kernel], axis=0), atol=1e-6)
    np.testing.assert_array_equal(blur_by_corners(light, kernels[:1], border=4), by_kernel[0])


def test_a_pair_without_blur_and_defects_has_equal_images(photos, perfect_camera):
    perfect_camera(_STILL=1.0)
    blurry, sharp = load_crops(HandheldImages(photos))
    np.testing.assert_array_equal(blurry, sharp)


def test_the_sharp_image_has_no_blur_noise_and_compression(photos, perfect_camera):
    source = HandheldImages(photos)
    perfect_camera()
    _, expected = load_crops(source)
    perfect_camera(_NOISE=0.05, _COMPRESSED=1.0, _ROLLED=1.0)
    blurry, sharp = load_crops(source)
    np.testing.assert_array_equal(sharp, expected)
    assert (np.abs(blurry - sharp).mean(axis=(1, 2, 3)) > 5).all()


@pytest.mark.parametrize(
    ("name", "value", "least"), [("_ROLLED", 1, 0.5), ("_NOISE", 0.05, 0.5), ("_COMPRESSED", 1, 2), ("_LAYERED", 1, 2)]
)
def test_each_defect_changes_the_blurry_image(photos, perfect_camera, name, value, least):
    source = HandheldImages(photos)
    perfect_camera()
    expected, _ = load_crops(source)
    perfect_camera(**{name: value})
    blurry, _ = load_crops(source)
    assert np.abs(blurry - expected).mean() > least


def test_lamps_saturate_and_dark_scenes_are_dark_on_both_sides(photos, perfect_camera):
    source = HandheldImages(photos)
    perfect_camera()
    means = [to_linear(side.astype(np.uint8)).mean() for side in load_crops(source)]
    perfect_camera(_LIT=1.0)
    lit = [to_linear(side.astype(np.uint8)).mean() for side in load_crops(source)]
    assert lit[0] > means[0] + 0.015  # highlights that are brighter than 1 spread along the path
    perfect_camera(_LIT=0.0, _DARK=1.0)
    dark = [to_linear(side.astype(np.uint8)).mean() for side in load_crops(source)]
    np.testing.assert_allclose(np.divide(dark, means), np.mean(handheld._DARKNESS), atol=0.08)


def test_every_example_has_its_own_blur_determined_by_its_number(photos, check_examples):
    check_examples(load_pairs(f"handheld:{photos}", "train"))


def test_whole_pairs_stay_the_same_at_every_size(photos):
    source = HandheldImages(photos)
    for index, size in enumerate(((40, 36), (90, 64))):
        blurry, sharp = source.load(index)
        assert blurry.shape == sharp.shape == (*size, 3)
        np.testing.assert_array_equal(blurry, HandheldImages(photos).load(index)[0])
