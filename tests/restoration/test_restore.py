"""Restoring a picture: any size, the same bytes from the same seed, guidance once."""

import dataclasses

import numpy as np
import pytest

from icdpm.restoration.padding import pad_to_multiple
from icdpm.restoration.restore import restore
from icdpm.restoration.settings import Settings
from icdpm.systems.icdpm import ICDPM

SETTINGS = Settings("ancestral", 3, 0.9)


@pytest.fixture
def system(micro_config):
    return ICDPM(micro_config)


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("height, width", [(16, 16), (17, 23), (1, 1), (1, 40), (3, 2)])
def test_any_size(system, height, width):
    restored = restore(system, picture(height, width), SETTINGS).pixels
    assert restored.shape == (height, width, 3) and restored.dtype == np.uint8


@pytest.mark.parametrize("factor", [2, 8])
def test_padding_reflects_and_leaves_the_picture_where_it_is(factor):
    image = picture(11, 13)
    padded = pad_to_multiple(image, factor)
    assert padded.shape[0] % factor == padded.shape[1] % factor == 0
    np.testing.assert_array_equal(padded[:11, :13], image)
    np.testing.assert_array_equal(padded[11, :13], image[9])
    np.testing.assert_array_equal(pad_to_multiple(padded, factor), padded)


def test_the_seed_decides(system):
    image = picture(16, 24)
    first, again, other = (restore(system, image, SETTINGS, seed=seed).pixels for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).max() > 0


def test_the_mean_is_that_of_the_samples(system, monkeypatch):
    image = picture(16, 24)
    drawn = []
    sample = system.sample

    def recording_sample(*arguments, **options):
        drawn.append(sample(*arguments, **options).numpy())
        return drawn[-1]

    class Array(np.ndarray):
        def numpy(self):
            return np.asarray(self)

    monkeypatch.setattr(system, "sample", lambda *a, **o: recording_sample(*a, **o).view(Array))
    mean = restore(system, image, dataclasses.replace(SETTINGS, samples=5)).pixels
    five = np.concatenate(drawn)
    assert len(five) == 5 and np.abs(five[0] - five[1]).max() > 0.01
    np.testing.assert_array_equal(mean, np.clip(np.round((five.mean(axis=0, dtype=np.float64) + 1) * 127.5), 0, 255))
    # One at a time gives the same: a sample does not depend on how many run together.
    monkeypatch.setattr("icdpm.restoration.restore._PIXELS_AT_ONCE", 1)
    alone = restore(system, image, dataclasses.replace(SETTINGS, samples=5)).pixels
    assert np.abs(alone.astype(int) - mean).max() <= 1


def test_guidance_is_computed_once(system, monkeypatch):
    calls, steps = [], []
    guide = system.compiled_guide
    monkeypatch.setattr(system, "compiled_guide", lambda blurry: calls.append(1) or guide(blurry))
    monkeypatch.setattr("icdpm.restoration.restore._PIXELS_AT_ONCE", 1)
    restore(system, picture(16, 16), dataclasses.replace(SETTINGS, samples=3), on_step=steps.append)
    assert calls == [1] and sum(steps) == 9


def test_a_network_that_says_nothing_neither_shifts_nor_tints(micro_config):
    """With a zero output the preconditioned model keeps to the blurry picture: what differs is noise without a mean."""
    config = micro_config.copy_and_resolve_references()
    config.unet.zero_last = True
    config.diffusion.parametrisation = "preconditioned_noise"
    image = np.full((64, 64, 3), (60, 120, 200), np.uint8)
    image[20:40, 30:50] = (200, 40, 90)
    restored = restore(ICDPM(config), image, Settings("ancestral", 10, 0.9, samples=16)).pixels
    difference = restored.astype(float) - image
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.5
    assert np.abs(difference).mean() < 10
    centre = np.array(np.nonzero(restored[..., 0] > 130)).mean(axis=1)
    np.testing.assert_allclose(centre, [29.5, 39.5], atol=0.5)
