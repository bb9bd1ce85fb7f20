"""Sharp images that are blurred by a moving camera and moving objects as they are read."""

import itertools

import numpy as np
import pytest

from icdpm_datasets import blur, motion_blur
from icdpm_datasets.load import load_pairs
from icdpm_datasets.motion import motion_path, rasterize
from icdpm_datasets.motion_blur import LongMotionBlurredImages, MotionBlurredImages, convolve, expose_two, smooth_mask
from icdpm_datasets.pairs import crop_corner, load_crop


def bits_of(seed):
    return np.random.default_rng(seed).integers(0, 2**31, 3)


def test_convolution_is_exact():
    rng = np.random.default_rng(0)
    light = rng.random((23, 31, 4)).astype(np.float32)
    kernel = rng.random((5, 5)).astype(np.float32)
    kernel /= kernel.sum()
    expected = blur.convolve(light, kernel)
    np.testing.assert_allclose(convolve(light, kernel, border=2), expected, atol=1e-6)
    np.testing.assert_allclose(convolve(light, kernel, border=4), expected[2:-2, 2:-2], atol=1e-6)


@pytest.mark.parametrize("still", (0, 1))
def test_two_layers_are_exposed_as_instant_by_instant(still):
    """If one layer is static, the product of the means is the mean of the products."""
    rng = np.random.default_rng(still)
    border, instants = blur.MARGIN, 11
    size = (24 + 2 * border, 20 + 2 * border)
    background = rng.random((*size, 3)).astype(np.float32)
    mask = smooth_mask(rng, size)[..., None]
    layer = np.concatenate([rng.random((*size, 3)).astype(np.float32) * mask, mask], axis=-1)
    paths = [motion_path(rng, 9.0, instants, 0.1) for _ in range(2)]
    paths = [path - path[instants // 2] for path in paths]
    paths[still] = np.zeros((instants, 2))
    zeros = np.zeros(instants)
    expected = blur.expose_layers(background, [layer], [blur.Motion(path, zeros, zeros) for path in paths])
    pair = expose_two(background, layer, [rasterize(path, 12) for path in paths], border)
    for ours, theirs in zip(pair, expected):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_the_longest_path_has_the_extent_and_all_are_measured_from_the_middle_instant():
    for seed in range(20):
        paths = motion_blur._random_paths(np.random.default_rng(seed), 12.0, 2)
        lengths = [np.linalg.norm(path[:, None] - path[None], axis=-1).max() for path in paths]
        assert max(lengths) == pytest.approx(12.0)
        assert all(len(path) % 2 == 1 and not path[len(path) // 2].any() for path in paths)


def test_some_pairs_are_sharp_and_some_hardly_blurred(photos):
    source = MotionBlurredImages(photos)
    extents = np.array([source.random_extent(np.random.default_rng(seed)) for seed in range(2000)])
    assert (extents == 0).mean() == pytest.approx(motion_blur._STILL, abs=0.02)
    assert ((extents > 0) & (extents < motion_blur._MILD_EXTENT)).mean() == pytest.approx(motion_blur._MILD, abs=0.03)
    assert 20.0 < extents.max() <= motion_blur._EXTENT
    extents = [LongMotionBlurredImages.random_extent(source, np.random.default_rng(seed)) for seed in range(2000)]
    assert 5.0 <= min(extents) < 6.0 and 49.0 < max(extents) <= 50.0


def test_a_pair_without_blur_has_equal_images(photos, monkeypatch):
    monkeypatch.setattr(motion_blur, "_STILL", 1.0)
    monkeypatch.setattr(motion_blur, "_SOFT", 0.0)
    monkeypatch.setattr(motion_blur, "_NOISY", 0.0)
    source = MotionBlurredImages(photos)
    for index, seed in itertools.product(range(2), range(4)):
        blurry, sharp = load_crop(source, index, 32, bits_of(seed))
        np.testing.assert_array_equal(blurry, sharp)
        photo = source.sharp(index)
        top, left = crop_corner(bits_of(seed), photo.shape[:2], 32)
        np.testing.assert_array_equal(sharp, photo[top : top + 32, left : left + 32])


def test_a_soft_lens_softens_the_sharp_image_too(photos, monkeypatch):
    source = MotionBlurredImages(photos)
    monkeypatch.setattr(motion_blur, "_STILL", 1.0)
    monkeypatch.setattr(motion_blur, "_NOISY", 0.0)
    details = []
    for soft in (0.0, 1.0):
        monkeypatch.setattr(motion_blur, "_SOFT", soft)
        blurry, sharp = load_crop(source, 1, 32, bits_of(0))
        np.testing.assert_array_equal(blurry, sharp)
        details.append(np.abs(np.diff(sharp.astype(float), axis=0)).mean())
    assert details[1] < 0.9 * details[0]


def test_every_example_has_its_own_blur_determined_by_its_number(photos, check_examples):
    check_examples(load_pairs(f"motion:{photos}", "train"))


def test_whole_pairs_stay_the_same_at_every_size(photos):
    source = MotionBlurredImages(photos)
    assert source.names == ["b", "trip-a"]
    for index, size in enumerate(((40, 36), (90, 64))):
        blurry, sharp = source.load(index)
        assert blurry.shape == sharp.shape == (*size, 3)
        np.testing.assert_array_equal(blurry, MotionBlurredImages(photos).load(index)[0])
    assert "2 photos" in source.description and "motion" in source.description
