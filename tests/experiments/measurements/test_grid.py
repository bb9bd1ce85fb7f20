"""Tests of the results of the grid of sampling settings."""

import json

import PIL.Image
from absl import flags

from icdpm_experiments import pairs
from icdpm_experiments.measurements.grid import grid_rows, write_grid
from icdpm_experiments.paper.scales import grid_settings


def test_the_grid_is_written(metrics, in_a_folder_of_its_own):
    rows = []
    for number, model in enumerate(("guided", "unguided")):
        means = [{"psnr": 20.0 + number + i / 10, "ssim": 0.5, "detail": 1.0 - i / 20} for i in range(19)]
        rows += grid_rows(model, grid_settings(), means)
    write_grid(rows, "make bench-grid", "3 pairs", metrics, {"niqe": "weights are missing"})
    content = json.loads((in_a_folder_of_its_own / "results/grid.json").read_text())
    assert content["command"] == "make bench-grid" and len(content["rows"]) == 38
    setting = {"model": "unguided", "steps": 30, "max_noise_variance": 0.5}
    assert content["rows"][20] == {**setting, "psnr": 21.1, "ssim": 0.5, "detail": 0.95}
    text = (in_a_folder_of_its_own / "results/grid.md").read_text()
    assert "unguided: highest PSNR, 22.80 dB, with 1000 steps to 0.1" in text
    assert "niqe was not measured: weights are missing" in text
    assert PIL.Image.open(in_a_folder_of_its_own / "results/grid.png").width > 400


def test_the_command_names_every_workdir(monkeypatch):
    defined = flags.FlagValues()
    flags.DEFINE_multi_string("workdir", [], "Workdirs.", flag_values=defined)
    flags.DEFINE_integer("images", None, "Number of pairs.", flag_values=defined)
    defined(["grid", "--workdir=guided=runs/c", "--workdir=unguided=runs/a", "--images=4"])
    monkeypatch.setattr(pairs, "FLAGS", defined)
    assert pairs.reproducing_command("bench-grid") == "make bench-grid WORKDIR='guided=runs/c unguided=runs/a' IMAGES=4"
