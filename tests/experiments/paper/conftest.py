"""Fixtures for the tables and figures: runs of a small untrained model, and runs without a model, on pairs of noise."""

import shutil

import numpy as np
import pytest
from paper_stand_ins import ExtendedScale, OneModelScale, StandInRuns

from icdpm.images.writing import write_image
from icdpm.models.workdir import load, read_config
from icdpm.training.strategy import make_strategy
from icdpm_experiments.paper import ablations
from icdpm_experiments.paper.runs import Runs


@pytest.fixture(scope="module")
def model(micro_workdir):
    return load(micro_workdir)


@pytest.fixture
def runs(tmp_path, monkeypatch, micro_workdir, model, random_pairs):
    """Returns trained `Runs` in a new folder, all of one model, without downloaded weights of metrics."""
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("icdpm_experiments.paper.runs.load", lambda workdir: model)
    pairs = type(random_pairs)(count=5, size=96)  # NIQE and LPIPS need a minimum size
    made = Runs(OneModelScale(read_config(micro_workdir), pairs), make_strategy("single"))
    names = "table2_a table2_b table2_c table2_f table8_b table8_c table8_d table9_without_concatenation".split()
    names += "regression_l dvsr fig9_aligned fig9_unaligned hidiff_gopro hidiff_realblur hidiff_realblur_r".split()
    names += [each.variant for each in ablations.ABLATIONS["hidiff-ablation"].models.values()]
    for name in names:
        shutil.copytree(micro_workdir, made.workdir(name))
    return made


@pytest.fixture
def small_images(tmp_path):
    """Returns a folder of noise in the layout of the scale small, with kernels/ and two folders of pairs."""
    rng = np.random.default_rng(0)
    names = ["photos/train/1", "photos/train/2", *(f"photos/test/{number}" for number in range(6)), "video/1"]
    names += [f"{pairs}/{side}/{number}" for pairs in ("averaged", "reds") for side in ("blur", "sharp") for number in (1, 2)]
    for name in names:
        write_image(tmp_path / f"images/{name}.png", rng.integers(0, 256, (48, 48, 3), dtype=np.uint8))
    kernel = np.zeros((7, 9, 3), np.uint8)
    kernel[3, 1:8] = 200
    write_image(tmp_path / "images/kernels/line.png", kernel)
    return tmp_path / "images"


@pytest.fixture
def extended_runs(tmp_path, monkeypatch, micro_workdir, model, random_pairs):
    """Returns `Runs` with two seeds of two trained models of Table 2 and further columns; the others are not trained."""
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("icdpm_experiments.paper.runs.load", lambda workdir: model)
    scale = ExtendedScale(read_config(micro_workdir), type(random_pairs)(count=5, size=96))
    made = Runs(scale, make_strategy("single"), trained_only=True)
    for name in ("table2_a", "table2_a_seed1", "table2_c", "regression_l"):
        shutil.copytree(micro_workdir, made.workdir(name))
    return made


@pytest.fixture
def stand_in_runs(random_pairs, tmp_path):
    """Returns `StandInRuns` on six pairs of noise."""
    return StandInRuns(type(random_pairs)(count=6, size=64), tmp_path / "restored")
