"""The command and its list of tables and figures."""

import re
from pathlib import Path

import pytest

from icdpm_experiments.paper import bench

pytestmark = pytest.mark.slow


def test_the_command_and_the_makefile_list_the_same_tables_and_figures():
    expected = {*(f"table{n}" for n in range(1, 10)), "fig4", "fig5", "fig7", "fig8", "fig9", "hidiff"}
    expected |= {*(f"fig{n}" for n in (1, 6, *range(11, 27))), "failures"}
    expected |= {"hidiff-ablation", "hidiff-realblur", "hidiff-photos", "hidiff-chain", "small-page"}
    assert set(bench.load_experiments()) == expected
    text = (Path(bench.__file__).resolve().parents[2] / "Makefile").read_text()
    targets = re.search(r"^PAPER := (.*?[^\\])$", text, re.MULTILINE | re.DOTALL)[1].replace("\\", "").split()
    assert {target.removeprefix("bench-") for target in targets} == expected
    assert all(f"\nbench-{name}:  ## " in text for name in expected)


def test_wrong_flags_are_usage_errors(run_each):
    cases = [
        (["table10"], "name one or several of table1"),
        (["table8", "--restored=a=b"], "--restored is for table3, table4, table5, table6, table7"),
        (["table3", "table4", "--restored=a=b"], "--restored is for one table at a time"),
        (["table1", "--answers=x"], "--answers is for table7"),
        (["table8", "--crops=a"], "--crops is for fig1, fig6, fig11"),
        (["fig1", "fig6", "--crops=a"], "--crops is for one figure at a time"),
        (["fig1", "--photos=x"], "--photos is for hidiff-photos"),
        (
            ["table7", "--scale=small"],
            "name one or several of table1, table2, table3, table4, table5, table6, table8, table9, fig4",
        ),
        (["table3", "--scale=small", "--crops=a"], "--crops is for other scales"),
        (["small-page"], "name one or several of table1"),
        (["table3", "--folder=x"], "--folder is for --scale=small. Received: --scale=micro"),
        (["table3", "--scale=small", "--data_dir=x"], "--data_dir is for --scale=paper. Received: --scale=small"),
    ]
    runs = run_each("icdpm_experiments.paper.bench", [arguments for arguments, _ in cases])
    for (_, message), result in zip(cases, runs):
        assert result.returncode == 2 and message in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_missing_files_are_reported_before_training(run_each, tmp_path):
    (tmp_path / "runs").mkdir()
    cases = [
        (["table3", "--restored=New=gone"], "The folder gone of --restored does not exist."),
        (["table7", "--answers=gone/*.json"], "No file matches gone/*.json. Pass the files that the raters exported."),
        (["hidiff-photos", "--photos=gone"], "The folder gone of --photos does not exist."),
        (["fig1", "--crops=bad=1,2"], "--crops must be NAME or NAME=LEFT,TOP,WIDTH,HEIGHT, in pixels. Received: 'bad=1,2'."),
    ]
    arguments = [[*case, f"--runs={tmp_path / 'runs'}"] for case, _ in cases]
    for (_, message), result in zip(cases, run_each("icdpm_experiments.paper.bench", arguments)):
        assert result.returncode == 1 and message in result.stderr and len(result.stderr.splitlines()) == 1
    assert not list((tmp_path / "runs").iterdir())


def test_missing_data_of_the_small_scale_are_reported_before_training(run_each, small_images):
    cases = [
        ("table2", [], "SCALE=small needs KERNELS=FOLDER, a folder of camera-shake kernels, for the set realblur_j."),
        ("table5", [], "SCALE=small needs PAIRS='reds=FOLDER' here, for the set reds: REDS pairs."),
        ("table6", ["--pairs=hide=x"], "PAIRS at SCALE=small names gopro and reds. Received: hide."),
    ]
    arguments = [[name, "--scale=small", f"--folder={small_images}", *further] for name, further, _ in cases]
    for (_, _, message), result in zip(cases, run_each("icdpm_experiments.paper.bench", arguments)):
        assert result.returncode == 1 and message in result.stderr
