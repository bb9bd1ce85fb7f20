"""Restoring a picture: any size, the same bytes from the same seed, samples and their moments, memory."""

import dataclasses

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.models.registry import build_model
from icdpm.models.settings import SamplingSettings
from icdpm.restoration.pixels import pad_to_multiple
from icdpm.restoration.restore import restore

SETTINGS = SamplingSettings("ancestral", 3, 0.9)


@pytest.fixture
def system(micro_system):
    return micro_system


def picture(height, width, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (height, width, 3), dtype=dtype)


def test_any_size(system):
    for height, width in [(16, 16), (17, 23), (1, 1), (1, 40), (3, 2)]:
        restored = restore(system, picture(height, width), SETTINGS)
        assert restored.pixels.shape == (height, width, 3) and restored.pixels.dtype == np.uint8
        assert restored.spread is None and restored.samples is None


@pytest.mark.parametrize("factor", [2, 8])
def test_padding_reflects_and_leaves_the_picture_where_it_is(factor):
    image = picture(11, 13)
    padded = pad_to_multiple(image, factor)
    assert padded.shape[0] % factor == padded.shape[1] % factor == 0
    np.testing.assert_array_equal(padded[:11, :13], image)
    np.testing.assert_array_equal(padded[11, :13], image[9])
    np.testing.assert_array_equal(pad_to_multiple(padded, factor), padded)
    np.testing.assert_array_equal(pad_to_multiple(image[..., 0], factor), padded[..., 0])


def test_the_seed_decides(system):
    image = picture(16, 24)
    first, again, other = (restore(system, image, SETTINGS, seed=seed).pixels for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).max() > 0


def test_mean_and_spread_are_those_of_the_samples(system):
    settings = dataclasses.replace(SETTINGS, samples=5)
    color = picture(17, 22, dtype=np.uint16)
    for image in (color, color[..., 0]):
        restored = restore(system, image, settings, keep_samples=True, spread=True)
        assert len(restored.samples) == 5 and all(sample.dtype == np.uint16 for sample in restored.samples)
        assert restored.spread.dtype == np.float32 and restored.spread.shape == image.shape
        samples = np.array(restored.samples, np.float64)
        # The samples are rounded to whole levels before they are kept.
        np.testing.assert_allclose(restored.pixels, samples.mean(axis=0), atol=1)
        np.testing.assert_allclose(restored.spread, samples.std(axis=0, ddof=1) / 257, atol=1 / 257)
        assert restored.spread.max() > 5
        alone = restore(system, image, settings)
        np.testing.assert_array_equal(alone.pixels, restored.pixels)
        assert alone.spread is None and alone.samples is None


def test_samples_are_the_same_together_and_alone(system, monkeypatch):
    image = picture(24, 40)
    five = dataclasses.replace(SETTINGS, samples=5)
    together = restore(system, image, five, keep_samples=True)
    np.testing.assert_array_equal(restore(system, image, SETTINGS).pixels, together.samples[0])
    for at_once in (1, 2):
        monkeypatch.setattr("icdpm.restoration.restore.PIXELS_AT_ONCE", at_once * 24 * 40)
        again = restore(system, image, five, keep_samples=True)
        np.testing.assert_array_equal(again.samples, together.samples)
        np.testing.assert_array_equal(again.pixels, together.pixels)


def test_photos_before_it_do_not_matter(micro_config):
    image = picture(21, 30)
    for precision in ("float32", "mixed_bfloat16"):
        micro_config.precision = precision
        alone = restore(build_model(micro_config), image, SETTINGS).pixels
        system = build_model(micro_config)
        for number, (height, width) in enumerate([(16, 16), (30, 64)]):
            restore(system, picture(height, width), dataclasses.replace(SETTINGS, samples=number + 1))
        np.testing.assert_array_equal(restore(system, image, SETTINGS).pixels, alone)


def test_guidance_is_computed_once(system, monkeypatch):
    calls, steps = [], []
    (network,) = system._compiled_guidance_networks.values()
    monkeypatch.setattr(system, "_compiled_guidance_networks", {"1": lambda structure: calls.append(1) or network(structure)})
    monkeypatch.setattr("icdpm.restoration.restore.PIXELS_AT_ONCE", 1)
    restore(system, picture(16, 16), dataclasses.replace(SETTINGS, samples=3), on_step=steps.append)
    assert calls == [1] and sum(steps) == 9


def test_steps_add_up_over_tiles(system):
    steps = []
    restore(system, picture(50, 60), dataclasses.replace(SETTINGS, samples=2), tile=24, margin=4, on_step=steps.append)
    assert sum(steps) == pytest.approx(6) and 0 < max(steps) < 0.5


def test_what_cannot_be(system):
    image = picture(16, 16)
    for options, said in [
        ({"spread": True}, "one sample has no spread"),
        ({"tile": 25, "margin": 4}, "a tile's side is 25 pixels; it must be a multiple of 2 and more than 8"),
        ({"tile": 8, "margin": 4}, "more than 8"),
        ({"max_memory": 2**29}, r"a picture of 16×16 pixels needs 6\d\d MiB with these settings, and 512 MiB are allowed"),
    ]:
        with pytest.raises(IcdpmError, match=said):
            restore(system, image, SETTINGS, **options)


def test_a_network_that_says_nothing_neither_shifts_nor_tints(micro_config):
    """With a zero output the preconditioned model keeps to the blurry picture: what differs is noise without a mean."""
    config = micro_config.copy_and_resolve_references()
    config.unet.zero_last = True
    config.diffusion.parametrisation = "preconditioned_noise"
    image = np.full((64, 64, 3), (60, 120, 200), np.uint8)
    image[20:40, 30:50] = (200, 40, 90)
    restored = restore(build_model(config), image, SamplingSettings("ancestral", 10, 0.9, samples=16)).pixels
    difference = restored.astype(float) - image
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.5
    assert np.abs(difference).mean() < 10
    centre = np.array(np.nonzero(restored[..., 0] > 130)).mean(axis=1)
    np.testing.assert_allclose(centre, [29.5, 39.5], atol=0.5)


@pytest.mark.parametrize("samples", [1, 2])
def test_numbers_that_are_not_finite_do_not_become_a_picture(micro_config, samples):
    system = build_model(micro_config)
    restore(system, picture(16, 16), SamplingSettings("ancestral", 1, 0.9))
    variable = system.trainable_variables[-1]
    variable.assign(np.full(variable.shape, np.nan))
    with pytest.raises(IcdpmError, match="not finite"):
        restore(system, picture(16, 16), SamplingSettings("ancestral", 1, 0.9, samples))
