"""Tests of the measurement of the input pipeline: its frames, and the error without PyTorch."""

import shutil
import sys

import numpy as np
import PIL.Image
import pytest

from icdpm.errors import IcdpmError
from icdpm_experiments.measurements import input_pipeline
from icdpm_experiments.measurements.input_frames import SEQUENCE, lay_out_frames, make_frames


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("frames")
    make_frames(root, 2)
    return root


@pytest.mark.slow
def test_synthetic_frames_resemble_published_ones(tree):
    for side in ("blur", "sharp"):
        files = sorted((tree / SEQUENCE / side).iterdir())
        assert [file.name for file in files] == ["000001.png", "000002.png"]
        for file in files:
            assert PIL.Image.open(file).size == (1280, 720)
            assert 0.8e6 < file.stat().st_size < 2.2e6
    blurry, sharp = (np.asarray(PIL.Image.open(tree / SEQUENCE / side / "000001.png"), int) for side in ("blur", "sharp"))
    assert np.abs(np.diff(blurry[::8], axis=1)).mean() < np.abs(np.diff(sharp[::8], axis=1)).mean()


def test_few_existing_frames_are_repeated(tree, tmp_path):
    assert lay_out_frames(tree / SEQUENCE, tmp_path, 5) == 2
    files = sorted((tmp_path / SEQUENCE / "blur").iterdir())
    assert [file.resolve().name for file in files] == ["000001.png", "000002.png"] * 2 + ["000001.png"]


def test_existing_frames_may_be_in_subfolders(tree, tmp_path):
    for side in ("blur", "sharp"):
        shutil.copytree(tree / SEQUENCE / side, tmp_path / "frames" / side / "sequence")
    assert lay_out_frames(tmp_path / "frames", tmp_path / "tree", 3) == 2
    for side in ("blur", "sharp"):
        files = sorted((tmp_path / "tree" / SEQUENCE / side).iterdir())
        assert [file.resolve().name for file in files] == ["000001.png", "000002.png", "000001.png"]
        assert {file.resolve().parent.parent.name for file in files} == {side}


def test_missing_pytorch_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(IcdpmError, match="PyTorch, which is compared with, is not installed. Run make bench-input"):
        input_pipeline.main(["input_pipeline"])
