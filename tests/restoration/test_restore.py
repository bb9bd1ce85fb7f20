"""Tests of icdpm.restoration.restore."""

import dataclasses
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

import icdpm
from icdpm.errors import IcdpmError
from icdpm.images.color_drift import match_color
from icdpm.images.pixels import pad_to_multiple
from icdpm.models.icdpm import ICDPM
from icdpm.models.registry import build_model
from icdpm.models.settings import SamplingSettings
from icdpm.restoration.restore import restore

SETTINGS = SamplingSettings("ancestral", 3, 0.9)


@pytest.fixture
def model(micro_model):
    return micro_model


def random_image(*shape, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def test_any_size(model):
    for height, width in [(16, 16), (17, 23), (1, 1), (1, 40), (3, 2)]:
        restored = restore(model, random_image(height, width, 3), SETTINGS)
        assert restored.pixels.shape == (height, width, 3) and restored.pixels.dtype == np.uint8
        assert restored.spread is None and restored.samples is None


@pytest.mark.parametrize("factor", [2, 8])
def test_padding_reflects_and_keeps_the_image_in_place(factor):
    image = random_image(11, 13, 3)
    padded = pad_to_multiple(image, factor)
    assert padded.shape[0] % factor == padded.shape[1] % factor == 0
    np.testing.assert_array_equal(padded[:11, :13], image)
    np.testing.assert_array_equal(padded[11, :13], image[9])
    np.testing.assert_array_equal(pad_to_multiple(padded, factor), padded)
    np.testing.assert_array_equal(pad_to_multiple(image[..., 0], factor), padded[..., 0])


def test_seed_determines_the_result(model):
    image = random_image(16, 24, 3)
    first, again, other = (restore(model, image, SETTINGS, seed=seed).pixels for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).max() > 0


def test_mean_and_spread_of_samples(model):
    settings = dataclasses.replace(SETTINGS, samples=5)
    color = random_image(17, 22, 3, dtype=np.uint16)
    for image in (color, color[..., 0]):
        restored = restore(model, image, settings, keep_samples=True, spread=True)
        assert len(restored.samples) == 5 and all(sample.dtype == np.uint16 for sample in restored.samples)
        assert restored.spread.dtype == np.float32 and restored.spread.shape == image.shape
        samples = np.array(restored.samples, np.float64)
        # Kept samples are rounded to levels.
        np.testing.assert_allclose(restored.pixels, samples.mean(axis=0), atol=1)
        np.testing.assert_allclose(restored.spread, samples.std(axis=0, ddof=1) / 257, atol=1 / 257)
        assert restored.spread.max() > 5
        alone = restore(model, image, settings)
        np.testing.assert_array_equal(alone.pixels, restored.pixels)
        assert alone.spread is None and alone.samples is None


def test_samples_do_not_depend_on_how_many_run_together(model, monkeypatch):
    image = random_image(24, 40, 3)
    five = dataclasses.replace(SETTINGS, samples=5)
    together = restore(model, image, five, keep_samples=True)
    np.testing.assert_array_equal(restore(model, image, SETTINGS).pixels, together.samples[0])
    for at_once in (1, 2):
        monkeypatch.setattr("icdpm.restoration.restore.PIXELS_AT_ONCE", at_once * 24 * 40)
        again = restore(model, image, five, keep_samples=True)
        np.testing.assert_array_equal(again.samples, together.samples)
        np.testing.assert_array_equal(again.pixels, together.pixels)


@pytest.mark.slow
def test_result_does_not_depend_on_earlier_images(micro_config):
    image = random_image(21, 30, 3)
    for precision in ("float32", "mixed_bfloat16"):
        micro_config.precision = precision
        alone = restore(build_model(micro_config), image, SETTINGS).pixels
        model = build_model(micro_config)
        for number, (height, width) in enumerate([(16, 16), (30, 64)]):
            restore(model, random_image(height, width, 3), dataclasses.replace(SETTINGS, samples=number + 1))
        np.testing.assert_array_equal(restore(model, image, SETTINGS).pixels, alone)


def test_guidance_is_computed_once(model, monkeypatch):
    calls, steps = [], []
    (network,) = model._compiled_guidance_networks.values()
    monkeypatch.setattr(model, "_compiled_guidance_networks", {"1": lambda structure: calls.append(1) or network(structure)})
    monkeypatch.setattr("icdpm.restoration.restore.PIXELS_AT_ONCE", 1)
    restore(model, random_image(16, 16, 3), dataclasses.replace(SETTINGS, samples=3), on_step=steps.append)
    assert calls == [1] and sum(steps) == 9


def test_reported_steps_sum_to_the_evaluations_over_tiles(model):
    steps = []
    restore(model, random_image(50, 60, 3), dataclasses.replace(SETTINGS, samples=2), tile=24, overlap=4, on_step=steps.append)
    assert sum(steps) == pytest.approx(6) and 0 < max(steps) < 0.5


def test_invalid_arguments_are_errors(model):
    image = random_image(16, 16, 3)
    for options, text in [
        ({"spread": True}, "one sample has no spread"),
        ({"tile": 25, "overlap": 4}, "a tile's side must be a multiple of 2 and more than 8 pixels. Received: 25"),
        ({"tile": 8, "overlap": 4}, "more than 8"),
        ({"tile": 16.0, "overlap": 4}, "Received: 16.0"),
        ({"max_memory": 2**29}, r"an image of 16×16 pixels needs 6\d\d MiB with these settings, and 512 MiB are allowed"),
    ]:
        with pytest.raises(IcdpmError, match=text):
            restore(model, image, SETTINGS, **options)


def test_zero_output_neither_shifts_nor_tints(micro_config):
    """With a zero output the preconditioned model returns the blurry image plus noise of zero mean."""
    config = micro_config.copy_and_resolve_references()
    config.unet.zero_last = True
    config.diffusion.parametrisation = "preconditioned_noise"
    image = np.full((64, 64, 3), (60, 120, 200), np.uint8)
    image[20:40, 30:50] = (200, 40, 90)
    restored = restore(build_model(config), image, SamplingSettings("ancestral", 10, 0.9, samples=16)).pixels
    difference = restored.astype(float) - image
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.5
    assert np.abs(difference).mean() < 10
    center = np.array(np.nonzero(restored[..., 0] > 130)).mean(axis=1)
    np.testing.assert_allclose(center, [29.5, 39.5], atol=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("samples", [1, 2])
def test_output_that_is_not_finite_is_an_error(micro_config, samples):
    model = build_model(micro_config)
    restore(model, random_image(16, 16, 3), SamplingSettings("ancestral", 1, 0.9))
    variable = model.trainable_variables[-1]
    variable.assign(np.full(variable.shape, np.nan))
    with pytest.raises(IcdpmError, match="not finite"):
        restore(model, random_image(16, 16, 3), SamplingSettings("ancestral", 1, 0.9, samples))


@pytest.fixture
def idle(micro_config):
    """A model without weights, as the errors are raised before it needs any."""
    return ICDPM(micro_config)


def test_import_icdpm_is_cheap():
    check = "import icdpm, sys; icdpm.load; sys.exit('tensorflow' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.slow
def test_loads_a_workdir_and_restores_a_file(tmp_path, micro_model, micro_workdir):
    model = micro_model
    image = random_image(9, 12, 3)
    PIL.Image.fromarray(np.dstack([image, np.full((9, 12), 99, np.uint8)])).save(tmp_path / "ä photo.png")
    loaded = icdpm.load(micro_workdir)
    expected = restore(model, image, model.settings(samples=2), seed=3).pixels
    for given in (tmp_path / "ä photo.png", str(tmp_path / "ä photo.png"), image, PIL.Image.fromarray(image)):
        np.testing.assert_array_equal(loaded.restore(given, samples=2, seed=3), expected)
    with pytest.raises(IcdpmError, match="not the workdir"):
        icdpm.load(tmp_path / "nothing")
    with pytest.raises(IcdpmError, match="step 7"):
        icdpm.load(micro_workdir, checkpoint=7)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(9, 12, 3), (9, 12)])
def test_result_has_the_shape_and_dtype_of_the_input(model, shape):
    image = random_image(*shape)
    eight, sixteen = model.restore(image), model.restore(image.astype(np.uint16) * 257)
    assert (eight.dtype, eight.shape, sixteen.dtype, sixteen.shape) == (np.uint8, shape, np.uint16, shape)
    assert np.abs(sixteen / 257 - eight).max() <= 0.51
    for dtype in (np.float32, np.float64):
        floats = model.restore((image / 255).astype(dtype))
        assert floats.dtype == np.float32
        np.testing.assert_allclose(floats, sixteen / 65535, atol=2e-5)


def test_pillow_images_are_restored_as_files(model, tmp_path):
    image = PIL.Image.fromarray(random_image(9, 12, 3))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    for number, (given, options) in enumerate(
        [(image.quantize(50), {}), (image.convert("LA"), {}), (image, {"exif": exif}), (image.convert("1"), {})]
    ):
        path = tmp_path / f"{number}.png"
        given.save(path, **options)
        expected = model.restore(path, "fast")
        with PIL.Image.open(path) as opened:
            np.testing.assert_array_equal(model.restore(opened, "fast"), expected)
    rgb = model.restore(np.asarray(image.convert("YCbCr").convert("RGB")), "fast")
    np.testing.assert_array_equal(model.restore(image.convert("YCbCr"), "fast"), rgb)
    with pytest.raises(IcdpmError, match="color mode LAB"):
        model.restore(PIL.Image.new("LAB", (4, 4)))


def test_visible_pixels_do_not_depend_on_hidden_colors(model, tmp_path):
    pixels, alpha = random_image(20, 24, 3), np.full((20, 24), 255, np.uint8)
    alpha[:, 12:] = 0
    restored = []
    for hidden in (0, 255):
        pixels[:, 12:] = hidden
        image = PIL.Image.fromarray(np.dstack([pixels, alpha]))
        restored.append(model.restore(image, "fast"))
        assert (restored[-1][:, 12:] == hidden).all()
    np.testing.assert_array_equal(restored[0][:, :12], restored[1][:, :12])


def test_presets_and_options(model):
    image = random_image(9, 12, 3)
    fast = model.restore(image, "fast", seed=1)
    np.testing.assert_array_equal(fast, model.restore(image, preset="fast", seed=1))
    assert (fast != model.restore(image, "fast", seed=2)).any()
    assert (fast != model.restore(image, "fast", seed=1, steps=2)).any()
    matched = model.restore(image, "fast", seed=1, match_color=True)
    np.testing.assert_array_equal(matched, match_color(image, fast))


def test_sample_returns_mean_spread_and_samples(model):
    image = (random_image(9, 12, 3) / 255).astype(np.float32)
    restored = model.sample(image, samples=4, match_color=True)
    np.testing.assert_array_equal(restored.pixels, model.restore(image, samples=4, match_color=True))
    assert len(restored.samples) == 4 and all(sample.dtype == np.float32 for sample in restored.samples)
    assert restored.spread.shape == image.shape and restored.spread.max() > 1
    unmatched = model.sample(image, samples=4)
    deviation = 255 * np.std(unmatched.samples, axis=0, ddof=1)
    np.testing.assert_allclose(unmatched.spread, deviation, atol=0.01)


def test_one_sample_has_no_spread(idle):
    with pytest.raises(IcdpmError, match="one sample has no spread"):
        idle.sample(random_image(4, 4, 3))


@pytest.mark.parametrize(
    "array, text",
    [
        (np.zeros((4, 4, 4), np.uint8), r"shape \[4, 4, 4\]"),
        (np.zeros((4, 4, 1), np.uint8), r"shape \[4, 4, 1\]"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"shape \[1, 4, 4, 3\]"),
        (np.zeros(3), r"shape \[3\]"),
        (np.zeros((0, 4, 3), np.uint8), "is empty"),
        (np.zeros((4, 4, 3), np.int64), "is int64"),
        (np.zeros((4, 4, 3), bool), "is bool"),
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.full((4, 4, 3), 255.0), r"in \[0, 1\].* from 255 to 255"),
        (np.full((4, 4), -0.5), "from -0.5"),
        ([[1, 2], [3]], "rows of this one differ"),
        (None, "of type NoneType"),
        ("no such photo.png", "does not exist"),
    ],
)
def test_invalid_images_are_errors(idle, array, text):
    with pytest.raises(IcdpmError, match=text):
        idle.restore(array)


@pytest.mark.parametrize(
    "options, text",
    [
        ({"preset": "best"}, "Received: 'best'"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"max_memory": 0}, "max_memory"),
        ({"max_memory": "3G"}, "max_memory"),
        ({"steps": 0}, "steps"),
        ({"steps": 2.5}, "steps"),
        ({"samples": 0}, "samples"),
        ({"max_noise_variance": 1.0}, "max_noise_variance"),
        ({"max_noise_variance": float("nan")}, "max_noise_variance"),
        ({"sampler": "euler"}, "euler"),
        ({"schedule": "cosine", "max_noise_variance": 0.5}, "cosine"),
        ({"eta": 0.5}, "eta"),
        ({"sampler": "ddim", "eta": float("nan")}, "eta"),
    ],
)
def test_invalid_options_are_errors(idle, options, text):
    with pytest.raises(IcdpmError, match=text):
        idle.restore(random_image(4, 4, 3), **options)
