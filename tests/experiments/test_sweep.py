"""Sweeps over settings of samplers: what is measured, that a killed one resumes, and what is written of it."""

import dataclasses
import json
import types

import numpy as np
import PIL.Image
import pytest

from icdpm.errors import IcdpmError
from icdpm.metrics.psnr import psnr
from icdpm.restoration.settings import Settings
from icdpm.systems.icdpm import ICDPM
from icdpm_experiments import sampler_comparison, sweep
from icdpm_experiments.chosen_pairs import blurred, open_pairs
from icdpm_experiments.detail import detail
from icdpm_experiments.journal import Journal
from icdpm_experiments.paper_grid import grid_rows, grid_settings, write_grid
from icdpm_experiments.plots import Panel, write_plot

SETTINGS = [Settings("ancestral", 2, 0.9), Settings("dpmpp_2m", 3, 0.9, schedule="log_snr")]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def system(micro_config):
    return ICDPM(micro_config)


@pytest.fixture
def pairs(random_pairs):
    random_pairs.names = random_pairs.names[:3]
    return random_pairs


@pytest.fixture
def metrics(pairs):
    return sweep.available_metrics(["psnr", "ssim"], pairs)[0]


def test_what_cannot_be_measured_is_said(random_pairs, monkeypatch, tmp_path):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    metrics, reasons = sweep.available_metrics(["psnr", "lpips_alex", "niqe"], type(random_pairs)(count=1, size=32))
    assert list(metrics) == ["psnr", "detail"]
    assert all("are not in ~/weights" in reasons[name] for name in ("lpips_alex", "niqe"))


def test_means_over_pictures_and_samples(system, pairs, metrics, tmp_path, capsys):
    several = [dataclasses.replace(each, samples=2) for each in SETTINGS]
    kept = []

    def restore(*arguments, **options):
        kept.append(sweep_restore(*arguments, **options))
        return kept[-1]

    sweep_restore, sweep.restore = sweep.restore, restore
    try:
        means = sweep.sweep(system, pairs, several, metrics, Journal(tmp_path / "journal"), "micro: ")
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


def test_a_killed_sweep_goes_on_where_it_was(system, pairs, metrics, tmp_path, monkeypatch):
    """Killed in the second picture of the second setting, and in the midst of writing what the first has measured."""
    done, stop_after = [], [4]

    def restore(system, blurry, settings, *, seed, **_):
        if len(done) == stop_after[0]:
            raise KeyboardInterrupt
        done.append((settings.steps, int(blurry[0, 0, 0])))
        pixels = np.roll(blurry, settings.steps, axis=0)
        return types.SimpleNamespace(pixels=pixels, samples=[pixels])

    monkeypatch.setattr(sweep, "restore", restore)
    path = tmp_path / "runs" / "journal.jsonl"

    def swept(settings=SETTINGS, path=path):
        return sweep.sweep(system, pairs, settings, metrics, Journal(path))

    with pytest.raises(KeyboardInterrupt):
        swept()
    assert len(path.read_text().splitlines()) == 4
    path.write_text(path.read_text()[:-7])
    stop_after[0] = None
    resumed = swept()
    assert len(done) == 4 + 3 and len(set(done)) == 6
    assert resumed == swept() and len(done) == 7
    assert resumed == swept(path=tmp_path / "unbroken")

    # What another model, other pictures or other settings gave is not taken for it.
    del done[:]
    system.trainable_variables[0].assign_add(np.ones(system.trainable_variables[0].shape))
    swept()
    pairs.blurry = pairs.blurry // 2
    swept()
    swept([dataclasses.replace(SETTINGS[0], steps=5)])
    assert len(done) == 6 + 6 + 3


def test_a_damaged_journal_is_named(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.add({"a": 1}, {"psnr": 2.5})
    assert Journal(tmp_path / "journal").get({"a": 1}) == {"psnr": 2.5} and journal.get({"a": 2}) is None
    (tmp_path / "journal").write_text("nonsense\n" + (tmp_path / "journal").read_text())
    with pytest.raises(IcdpmError, match="journal, line 1, is damaged"):
        Journal(tmp_path / "journal")


def test_table_10_has_19_settings():
    settings = grid_settings(samples=8)
    assert [(each.steps, each.max_noise_variance) for each in settings] == [
        (20, 0.5), (30, 0.5), (50, 0.2), (50, 0.5), (100, 0.1), (100, 0.2), (100, 0.5),
        (200, 0.05), (200, 0.1), (200, 0.2), (200, 0.5), (500, 0.02), (500, 0.05), (500, 0.1), (500, 0.2),
        (1000, 0.01), (1000, 0.02), (1000, 0.05), (1000, 0.1),
    ]  # fmt: skip
    assert {(each.sampler, each.schedule, each.samples) for each in settings} == {("ancestral", "linear_beta", 8)}


def test_the_grid_is_written(metrics, in_a_folder_of_its_own):
    rows = []
    for number, model in enumerate(("guided", "unguided")):
        means = [{"psnr": 20.0 + number + i / 10, "ssim": 0.5, "detail": 1.0 - i / 20} for i in range(19)]
        rows += grid_rows(model, grid_settings(), means)
    write_grid(rows, "make bench-grid", "3 pairs", metrics, {"niqe": "there are no weights"})
    content = json.loads((in_a_folder_of_its_own / "results/grid.json").read_text())
    assert content["command"] == "make bench-grid" and len(content["rows"]) == 38
    setting = {"model": "unguided", "steps": 30, "max_noise_variance": 0.5}
    assert content["rows"][20] == {**setting, "psnr": 21.1, "ssim": 0.5, "detail": 0.95}
    text = (in_a_folder_of_its_own / "results/grid.md").read_text()
    assert "unguided: most PSNR, 22.80 dB, with 1000 steps to 0.1" in text
    assert "niqe was not measured: there are no weights" in text
    assert PIL.Image.open(in_a_folder_of_its_own / "results/grid.png").width > 400


def comparison(reference, **few):
    """Rows of two samplers with 8 evaluations and the reference."""
    rows = [
        {"sampler": name, "evaluations": 8, "schedule": "log_snr", "max_noise_variance": 0.99, **numbers}
        for name, numbers in few.items()
    ]
    last = {"sampler": "ancestral", "evaluations": 500, "schedule": "linear_beta", "max_noise_variance": 0.02, **reference}
    return [*rows, last]


def test_few_evaluations_are_held_against_the_reference(metrics, in_a_folder_of_its_own, capsys):
    reference = {"psnr": 25.0, "ssim": 0.8, "detail": 1.0}
    near = {"psnr": 24.91, "ssim": 0.796, "detail": 1.0}
    rows = comparison(reference, ddim=near, dpmpp_2m={**near, "ssim": 0.794}, ancestral={**near, "psnr": 24.89})
    assert [row["sampler"] for row in sampler_comparison.reaching(rows)] == ["ddim"]
    sampler_comparison.write_comparison(rows, near, "make bench-samplers", "3 pairs", 1, metrics)
    content = json.loads((in_a_folder_of_its_own / "results/samplers.json").read_text())
    assert {"sampler", "evaluations", "psnr", "ssim"} <= set(content["rows"][0])
    assert content["reached"] == {"one sample": ["ddim 8 (log_snr 0.99)"]}
    assert "1 of 3 settings with at most 10 evaluations" in capsys.readouterr().out
    sampler_comparison.write_comparison(rows[1:], near, "make bench-samplers", "3 pairs", 1, metrics)
    assert "None of 2 settings" in (in_a_folder_of_its_own / "results/samplers.md").read_text()
    assert PIL.Image.open(in_a_folder_of_its_own / "results/samplers.png").width > 1000


def test_the_comparison_ends_with_its_reference():
    settings = sampler_comparison.comparison_settings(8)
    assert settings[-1] == Settings("ancestral", 500, 0.02, 8) and len(settings) == len(set(settings))
    assert {each.sampler for each in settings} == set(sampler_comparison.SAMPLERS)


def test_pairs_are_chosen_evenly_and_cut_from_the_middle(tmp_path):
    for name in "abcde":
        for number, side in enumerate(("blur", "sharp")):
            picture = np.full((40, 30, 3), 50 * number, np.uint8)
            picture[12:28, 7:23] = 100 + ord(name) - ord("a")
            (tmp_path / side).mkdir(exist_ok=True)
            PIL.Image.fromarray(picture).save(tmp_path / side / f"{name}.png")
    pairs = open_pairs(str(tmp_path), count=3, crop=16)
    assert pairs.names == ["a", "c", "e"] and len(pairs) == 3 and "3 of" in pairs.description and "16×16" in pairs.description
    for index, value in enumerate((100, 102, 104)):
        blurry, sharp = pairs.load(index)
        assert blurry.shape == (16, 16, 3) and (blurry == value).all() and (sharp == value).all()
    assert open_pairs(str(tmp_path), crop=64).load(0)[0].shape == (40, 30, 3)


def test_pairs_that_are_not_blurred_can_be_left_out(random_pairs):
    assert blurred(random_pairs) is random_pairs
    random_pairs.blurry[3] = random_pairs.sharp[3]
    few = blurred(random_pairs)
    assert len(few) == 9 and "pair_3" not in few.names and few.description == "random pairs without the 1 not blurred"


def test_detail_of_the_same_the_smoother_and_the_noisier():
    sharp = np.random.default_rng(0).integers(60, 190, (32, 32, 3)).astype(np.uint8)
    smooth = ((sharp.astype(int) + np.roll(sharp, 1, 0) + np.roll(sharp, 1, 1)) // 3).astype(np.uint8)
    noisy = np.clip(sharp + np.random.default_rng(1).normal(0, 60, sharp.shape), 0, 255).astype(np.uint8)
    assert detail(sharp, sharp) == 1.0 and detail(smooth, sharp) < 0.8 and detail(noisy, sharp) > 1.2


def test_a_plot_shows_its_series(tmp_path):
    series = {"first": [(2, 1.0), (8, 2.0, "words")], "second": [(8, 1.5)]}
    write_plot(tmp_path / "plot.png", [Panel("x", "y", series, {"level": 1.2}, log_x=True)] * 2, title="title")
    with PIL.Image.open(tmp_path / "plot.png") as picture:
        colors = {color for _, color in picture.convert("RGB").getcolors(1 << 24)}
    assert {(31, 119, 180), (255, 127, 14)} <= colors
