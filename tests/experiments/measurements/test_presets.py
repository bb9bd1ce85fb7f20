"""Tests of the search for the presets of a model, and of the plot of gains by network evaluations."""

import json
import subprocess
import sys

import PIL.Image
import pytest

from icdpm.metrics.psnr import psnr
from icdpm.models.settings import SamplingSettings
from icdpm.models.workdir import load
from icdpm.restoration.restore import restore
from icdpm_experiments.measurements import presets
from icdpm_experiments.measurements.sweep import Journal
from icdpm_experiments.pairs import SelectedPairs


def row(steps, samples, start, gain):
    return {"evaluations": steps * samples, "steps": steps, "samples": samples, "max_noise_variance": start, "gain": gain}


def test_balanced_has_the_fewest_evaluations_within_the_negligible_gain():
    rows = [row(1, 1, 0.99, 0.5), row(1, 1, 0.995, 0.6), row(1, 2, 0.995, 0.75), row(2, 1, 0.99, 0.78), row(1, 8, 0.99, 0.8)]
    chosen = presets.choose_presets(rows)
    assert [chosen["fast"][name] for name in ("steps", "samples", "max_noise_variance")] == [1, 1, 0.995]
    # The better one of two evaluations, within 0.05 dB of eight.
    assert [chosen["balanced"][name] for name in ("steps", "samples", "max_noise_variance")] == [2, 1, 0.99]
    # One evaluation suffices: both presets are the same.
    chosen = presets.choose_presets([*rows, row(1, 1, 0.999, 0.76)])
    assert chosen["fast"] == chosen["balanced"] == {
        "sampler": "ancestral", "schedule": "log_snr", "steps": 1, "max_noise_variance": 0.999, "samples": 1,
    }  # fmt: skip


def test_gains_are_measured_and_presets_are_written(micro_workdir, random_pairs, tmp_path, monkeypatch):
    tried = [SamplingSettings("ancestral", 1, 0.99, samples, "log_snr") for samples in (1, 2)]
    monkeypatch.setattr(presets, "candidate_settings", lambda: tried)
    model, pairs = load(micro_workdir), SelectedPairs(random_pairs, [0, 1], "two")
    rows = presets.search_presets(model, pairs, Journal(tmp_path / "journal"), tmp_path / "presets.json")
    gains = [
        psnr(restore(model, blurry, tried[1]).pixels, sharp) - psnr(blurry, sharp)
        for blurry, sharp in (pairs.load(index) for index in range(2))
    ]
    assert rows[1]["gain"] == pytest.approx(sum(gains) / 2) and rows[1]["from"] <= rows[1]["gain"] <= rows[1]["to"]
    # NIQE requires larger images.
    assert rows[0]["ssim"] <= 1 and "detail" in rows[0] and "niqe" not in rows[0]
    written = json.loads((tmp_path / "presets.json").read_text())
    assert written["measured"]["rows"] == rows and written["presets"]["fast"]["changes"]["samples"] == 1


def test_candidates_are_sorted_by_evaluations():
    evaluations = [each.evaluations for each in presets.candidate_settings()]
    assert evaluations == sorted(evaluations) and evaluations[0] == 1 and evaluations[-1] == 50


def test_each_metric_has_a_panel():
    same = {"gain": 0.5, "ssim": 0.8}
    rows = [
        {"evaluations": steps * samples, "steps": steps, "samples": samples, "max_noise_variance": start, **same}
        for steps, samples, start in [(1, 1, 0.99), (1, 1, 0.999), (2, 1, 0.99), (1, 4, 0.99)]
    ]
    presets.plot_gains(rows, {"psnr": 20.0, "ssim": 0.7})
    two = PIL.Image.open("results/presets.png").size
    presets.plot_gains([{**row, "niqe": 4.0} for row in rows], {"psnr": 20.0, "ssim": 0.7, "niqe": 5.0})
    assert PIL.Image.open("results/presets.png").size[0] > 1.3 * two[0]


def test_the_packaged_presets_are_not_measured_on_the_default_pairs():
    command = [sys.executable, "-m", "icdpm_experiments.measurements.presets"]
    completed = subprocess.run(command, capture_output=True, text=True)
    assert completed.returncode == 2 and "--data is missing" in completed.stderr
