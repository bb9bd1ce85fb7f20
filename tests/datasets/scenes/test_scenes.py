"""Procedural scenes."""

import numpy as np
import pytest
from PIL import Image

from icdpm_datasets.scenes import KINDS, MAX_SIZE, paint_object_mask, paint_scene
from icdpm_datasets.scenes.dead_leaves import leaf_radii
from icdpm_datasets.scenes.paint import contrasting, gradient, outline, two_tone


def sharpness(image):
    """Returns the mean absolute difference of neighbors."""
    image = image.astype(float)
    return np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean()


@pytest.mark.parametrize("kind", KINDS)
def test_scenes_are_colored_sharp_and_different(kind):
    images = [paint_scene(np.random.default_rng(seed), 96, kind) for seed in range(6)]
    for image in images:
        assert image.shape == (96, 96, 3)
        assert image.dtype == np.uint8
    assert len({image.tobytes() for image in images}) == 6
    assert np.mean([sharpness(image) for image in images]) > 4
    assert np.mean([image.std() for image in images]) > 12
    assert max(np.ptp(image.astype(int), axis=-1).mean() for image in images) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_is_determined_by_its_seed(kind):
    one, same = (paint_scene(np.random.default_rng(3), 80, kind) for _ in range(2))
    np.testing.assert_array_equal(one, same)


def test_edges_are_antialiased():
    mask = paint_object_mask(np.random.default_rng(0), 100)
    border = (mask > 0) & (mask < 255)
    assert 20 < border.sum() < 1500


def test_an_object_covers_part_of_the_scene():
    covers = [paint_object_mask(np.random.default_rng(seed), 120).mean() / 255 for seed in range(30)]
    assert min(covers) > 0.002
    assert max(covers) < 0.6


def test_unknown_kinds_and_sizes_are_refused():
    with pytest.raises(ValueError, match="must be one of deadleaves, text.* Received: 'sea'"):
        paint_scene(np.random.default_rng(0), 64, "sea")
    with pytest.raises(ValueError, match="must be at most"):
        paint_scene(np.random.default_rng(0), MAX_SIZE + 1, "text")


def test_leaves_follow_the_power_law():
    """With density r^-3, as many leaves lie above √2·r as half of those above r."""
    for seed in range(3):
        radii = leaf_radii(np.random.default_rng(seed), 640)
        smallest = radii.min()
        above = [(radii > smallest * factor).sum() for factor in (1.0, 2**0.5, 2.0)]
        assert above[1] / above[0] == pytest.approx(0.5, abs=0.08)
        assert above[2] / above[1] == pytest.approx(0.5, abs=0.08)


def test_outlines_stay_near_their_center():
    for seed in range(60):
        points = np.reshape(outline(np.random.default_rng(seed), 50.0, 40.0, 20.0), (-1, 2))
        distances = np.linalg.norm(points - [50, 40], axis=-1)
        assert distances.max() < 1.5 * 20
        assert len(points) >= 3


def test_lettering_contrasts_with_its_background():
    luma = np.array([0.299, 0.587, 0.114])
    for ground in ((0, 0, 0), (255, 255, 255), (128, 128, 128), (190, 44, 40)):
        for seed in range(5):
            assert abs(np.dot(luma, contrasting(np.random.default_rng(seed), ground)) - np.dot(luma, ground)) > 70


def test_gradients_run_from_one_color_to_the_other():
    image = np.asarray(gradient((40, 30), (0, 10, 20), (200, 110, 20), 0.0))
    assert image.shape == (30, 40, 3)
    np.testing.assert_allclose(image[0, 0], (0, 10, 20), atol=1)
    np.testing.assert_allclose(image[29, 39], (200, 110, 20), atol=1)


def test_two_tones_mix_linearly():
    gray = Image.fromarray(np.uint8([[0, 127, 255]]))
    image = np.asarray(two_tone(gray, (10, 200, 0), (110, 100, 0)))[0]
    np.testing.assert_allclose(image, [(10, 200, 0), (60, 150, 0), (110, 100, 0)], atol=1)
