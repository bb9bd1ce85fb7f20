"""Tests of NIQE with a model of other photos."""

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.evaluation.metric_selection import fit_niqe, select_metrics
from icdpm.metrics.niqe import load_pristine_model, niqe


def texture(seed):
    """An image of 1/f noise, which is sharp and similar to natural images."""
    rng = np.random.default_rng(seed)
    waves = np.fft.rfft2(rng.normal(size=(480, 480)))
    falling = 1 / np.maximum(1, np.hypot(*np.meshgrid(np.fft.fftfreq(480) * 480, np.fft.rfftfreq(480) * 480, indexing="ij")))
    values = np.fft.irfft2(waves * falling)
    gray = np.clip(128 + 40 * values / values.std(), 0, 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=-1)


def test_a_model_is_fitted_written_and_used(write, tmp_path):
    folder = write("photos", {"a.png": texture(0), "more/b.png": texture(1), "small.png": texture(2)[:50, :50]})
    path = tmp_path / "model.npz"
    assert fit_niqe(folder, path) == 3
    ((name, metric),) = select_metrics(["niqe"], niqe_model=path).image_metrics.items()
    # The metric does not have the name of published NIQE.
    assert name.startswith("niqe_") and f"here model.npz (sha256 {name[5:]}…)" in metric.protocol
    assert metric.function(texture(3)) == niqe(texture(3), load_pristine_model(path))
    noisy = np.clip(texture(3) + np.random.default_rng(4).normal(scale=25, size=(480, 480, 1)), 0, 255).astype(np.uint8)
    assert metric.function(noisy) > 2 * metric.function(texture(3))


def test_unsuitable_photos_are_reported(write, tmp_path, noise):
    with pytest.raises(IcdpmError, match="photos: A pristine model needs at least 37 sharp blocks"):
        fit_niqe(write("photos", {"a.png": noise(0)}), tmp_path / "model.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(IcdpmError, match="empty has no images"):
        fit_niqe(tmp_path / "empty", tmp_path / "model.npz")
    with pytest.raises(IcdpmError, match="The folder - does not exist"):
        fit_niqe("-", tmp_path / "model.npz")
    assert not (tmp_path / "model.npz").exists()
