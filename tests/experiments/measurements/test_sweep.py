"""Tests of sweeps over sampling settings: measured values, journal, continuation after an interruption."""

import dataclasses
import types

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.metrics.psnr import psnr
from icdpm.models.registry import build_model
from icdpm.models.settings import SamplingSettings
from icdpm_experiments.measurements import sweep
from icdpm_experiments.measurements.sweep import Journal, available_metrics, detail

SETTINGS = [SamplingSettings("ancestral", 2, 0.9), SamplingSettings("dpmpp_2m", 3, 0.9, schedule="log_snr")]


@pytest.fixture
def model(micro_model):
    return micro_model


@pytest.fixture
def pairs(random_pairs):
    random_pairs.names = random_pairs.names[:3]
    return random_pairs


@pytest.mark.slow
def test_unavailable_metrics_are_reported(random_pairs, monkeypatch, tmp_path):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    metrics, reasons = available_metrics(["psnr", "lpips_alex", "niqe"], type(random_pairs)(count=1, size=32))
    assert list(metrics) == ["psnr", "detail"]
    assert all("are not in ~/weights" in reasons[name] for name in ("lpips_alex", "niqe"))


@pytest.mark.slow
def test_means_over_images_and_samples(model, pairs, metrics, tmp_path, capsys):
    several = [dataclasses.replace(each, samples=2) for each in SETTINGS]
    kept = []

    def restore(*arguments, **options):
        kept.append(sweep_restore(*arguments, **options))
        return kept[-1]

    sweep_restore, sweep.restore = sweep.restore, restore
    try:
        means = sweep.sweep(model, pairs, several, metrics, Journal(tmp_path / "journal"), "micro: ")
    finally:
        sweep.restore = sweep_restore
    assert len(kept) == 6 and all(len(restored.samples) == 2 for restored in kept)
    of_first = list(zip(kept[:3], (pairs.load(i)[1] for i in range(3))))
    expected = np.mean([psnr(sample, sharp) for restored, sharp in of_first for sample in restored.samples])
    assert means[0]["psnr"] == pytest.approx(expected)
    assert means[0]["psnr_of_mean"] == pytest.approx(np.mean([psnr(restored.pixels, sharp) for restored, sharp in of_first]))
    assert set(means[1]) == {name + end for name in ("psnr", "ssim", "detail") for end in ("", "_of_mean")}
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("micro: dpmpp_2m, 3 steps, log_snr 0.9: psnr ")


@pytest.mark.slow
def test_an_interrupted_sweep_continues(micro_config, pairs, metrics, tmp_path, monkeypatch):
    """The sweep is killed at the second image of the second setting, while it writes the values of the first image."""
    model = build_model(micro_config)
    done, stop_after = [], [4]

    def restore(model, blurry, settings, *, seed, **_):
        if len(done) == stop_after[0]:
            raise KeyboardInterrupt
        done.append((settings.steps, int(blurry[0, 0, 0])))
        pixels = np.roll(blurry, settings.steps, axis=0)
        return types.SimpleNamespace(pixels=pixels, samples=[pixels])

    monkeypatch.setattr(sweep, "restore", restore)
    path = tmp_path / "runs" / "journal.jsonl"

    def swept(settings=SETTINGS, path=path):
        return sweep.sweep(model, pairs, settings, metrics, Journal(path))

    with pytest.raises(KeyboardInterrupt):
        swept()
    assert len(path.read_text().splitlines()) == 4
    path.write_text(path.read_text()[:-7])
    stop_after[0] = None
    resumed = swept()
    assert len(done) == 4 + 3 and len(set(done)) == 6
    assert resumed == swept() and len(done) == 7
    assert resumed == swept(path=tmp_path / "unbroken")

    # Another model, other images and other settings have values of their own.
    del done[:]
    model.trainable_variables[0].assign_add(np.ones(model.trainable_variables[0].shape))
    swept()
    pairs.blurry = pairs.blurry // 2
    swept()
    swept([dataclasses.replace(SETTINGS[0], steps=5)])
    assert len(done) == 6 + 6 + 3


def test_a_model_without_sampling_has_no_settings_to_compare(pairs, metrics, tmp_path):
    class Regression:
        title = "Sharpener"

        def settings(self):
            return object()

    with pytest.raises(IcdpmError, match="Sharpener models do not sample"):
        sweep.sweep(Regression(), pairs, SETTINGS, metrics, Journal(tmp_path / "journal"))


def test_a_damaged_journal_is_reported(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.add({"a": 1}, {"psnr": 2.5})
    assert Journal(tmp_path / "journal").get({"a": 1}) == {"psnr": 2.5} and journal.get({"a": 2}) is None
    (tmp_path / "journal").write_text("nonsense\n" + (tmp_path / "journal").read_text())
    with pytest.raises(IcdpmError, match="journal, line 1, is damaged"):
        Journal(tmp_path / "journal")


def test_detail_of_equal_smoother_and_noisier_images():
    sharp = np.random.default_rng(0).integers(60, 190, (32, 32, 3)).astype(np.uint8)
    smooth = ((sharp.astype(int) + np.roll(sharp, 1, 0) + np.roll(sharp, 1, 1)) // 3).astype(np.uint8)
    noisy = np.clip(sharp + np.random.default_rng(1).normal(0, 60, sharp.shape), 0, 255).astype(np.uint8)
    assert detail(sharp, sharp) == 1.0 and detail(smooth, sharp) < 0.8 and detail(noisy, sharp) > 1.2
