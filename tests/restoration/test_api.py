"""Restoring from Python, as the README shows it."""

import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

import icdpm
from icdpm.errors import IcdpmError
from icdpm.images.drift import match_color
from icdpm.models.icdpm import ICDPM
from icdpm.restoration.restore import restore


@pytest.fixture
def restorer(micro_model):
    return micro_model


@pytest.fixture
def idle(micro_config):
    """A model without weights: errors come before any are needed."""
    return ICDPM(micro_config)


def picture(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_importing_it_is_cheap():
    check = "import icdpm, sys; icdpm.load; sys.exit('tensorflow' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_from_a_workdir_and_a_file(tmp_path, micro_model, micro_workdir):
    model = micro_model
    image = picture(9, 12, 3)
    PIL.Image.fromarray(np.dstack([image, np.full((9, 12), 99, np.uint8)])).save(tmp_path / "ä photo.png")
    restorer = icdpm.load(micro_workdir)
    expected = restore(model, image, model.settings(samples=2), seed=3).pixels
    for given in (tmp_path / "ä photo.png", str(tmp_path / "ä photo.png"), image, PIL.Image.fromarray(image)):
        np.testing.assert_array_equal(restorer.restore(given, samples=2, seed=3), expected)
    with pytest.raises(IcdpmError, match="not the workdir"):
        icdpm.load(tmp_path / "nothing")
    with pytest.raises(IcdpmError, match="step 7"):
        icdpm.load(micro_workdir, checkpoint=7)


@pytest.mark.parametrize("shape", [(9, 12, 3), (9, 12)])
def test_a_picture_stays_of_its_kind(restorer, shape):
    image = picture(*shape)
    eight, sixteen = restorer.restore(image), restorer.restore(image.astype(np.uint16) * 257)
    assert (eight.dtype, eight.shape, sixteen.dtype, sixteen.shape) == (np.uint8, shape, np.uint16, shape)
    assert np.abs(sixteen / 257 - eight).max() <= 0.51
    for dtype in (np.float32, np.float64):
        floats = restorer.restore((image / 255).astype(dtype))
        assert floats.dtype == np.float32
        np.testing.assert_allclose(floats, sixteen / 65535, atol=2e-5)


def test_presets_and_options(restorer):
    image = picture(9, 12, 3)
    fast = restorer.restore(image, "fast", seed=1)
    np.testing.assert_array_equal(fast, restorer.restore(image, preset="fast", seed=1))
    assert (fast != restorer.restore(image, "fast", seed=2)).any()
    assert (fast != restorer.restore(image, "fast", seed=1, steps=2)).any()
    matched = restorer.restore(image, "fast", seed=1, match_color=True)
    np.testing.assert_array_equal(matched, match_color(image, fast))


def test_all_that_samples_tell(restorer):
    image = (picture(9, 12, 3) / 255).astype(np.float32)
    restored = restorer.sample(image, samples=4, match_color=True)
    np.testing.assert_array_equal(restored.pixels, restorer.restore(image, samples=4, match_color=True))
    assert len(restored.samples) == 4 and all(sample.dtype == np.float32 for sample in restored.samples)
    assert restored.spread.shape == image.shape and restored.spread.max() > 1
    unmatched = restorer.sample(image, samples=4)
    deviation = 255 * np.std(unmatched.samples, axis=0, ddof=1)
    np.testing.assert_allclose(unmatched.spread, deviation, atol=0.01)


def test_one_sample_has_no_spread(idle):
    with pytest.raises(IcdpmError, match="one sample has no spread"):
        idle.sample(picture(4, 4, 3))


@pytest.mark.parametrize(
    "array, said",
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
        ([[1, 2], [3]], "rows here differ"),
        (None, "shape"),
        ("no such photo.png", "does not exist"),
    ],
)
def test_bad_pictures_are_one_sentence(idle, array, said):
    with pytest.raises(IcdpmError, match=said):
        idle.restore(array)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"preset": "best"}, "no preset 'best'"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"seed": 0.5}, "seed"),
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
def test_bad_options_are_one_sentence(idle, options, said):
    with pytest.raises(IcdpmError, match=said):
        idle.restore(picture(4, 4, 3), **options)
