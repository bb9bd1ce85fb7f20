"""Fixtures for the tables and figures: runs of a small untrained model, and runs without a model, on pairs of noise."""

import shutil

import pytest
from paper_stand_ins import OneModelScale, StandInRuns

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
def stand_in_runs(random_pairs, tmp_path):
    """Returns `StandInRuns` on six pairs of noise."""
    return StandInRuns(type(random_pairs)(count=6, size=64), tmp_path / "restored")
