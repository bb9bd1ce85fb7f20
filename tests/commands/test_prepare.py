import numpy as np
import pytest
from PIL import Image

from icdpm_datasets.published.sets import overview


@pytest.fixture
def prepare(run_each):
    """Function (arguments) -> the CompletedProcess of a run."""
    return lambda *arguments: run_each("prepare", [arguments])[0]


@pytest.fixture
def frames(tmp_path):
    (tmp_path / "video").mkdir()
    for k in range(5):
        Image.fromarray(np.full((6, 8, 3), 20 * k, np.uint8)).save(tmp_path / f"video/{k}.png")
    return tmp_path / "video"


def test_frames_become_pairs(frames, tmp_path, prepare):
    ran = prepare("frames", f"--source={frames}", f"--output={tmp_path / 'pairs'}", "--window=5")
    assert ran.returncode == 0 and ran.stdout == f"ready: 1 pairs in {tmp_path / 'pairs'}\n"
    assert (tmp_path / "pairs/blur/2.png").is_file()


def test_missing_archives_are_a_one_line_error(frames, tmp_path, prepare):
    ran = prepare("gopro", f"--source={frames}", f"--data_dir={tmp_path / 'data'}")
    assert ran.returncode == 1 and ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"icdpm-prepare: error: {frames} lacks GOPRO_Large.zip of GoPro")
    assert "https://seungjunnah.github.io/Datasets/gopro" in line


def test_help_names_every_published_set(prepare):
    ran = prepare("--help")
    assert ran.returncode == 0 and all(line in ran.stdout for line in overview().splitlines())


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "expected one argument"),
        (["frames"], "--output is missing"),
        (["frames", "--output=x", "--partial"], "--partial is not a flag of frames"),
        (["gopro", "--window=5"], "--window is not a flag of gopro"),
        (["records/my set"], "records/NAME needs a name of letters, digits"),
        (["records/.."], "that does not start with '.'"),
        (["records", "--crop=64"], "--crop and --count belong together"),
        (["records", "--output=x"], "--output is not a flag of records"),
        (["weights/niqe", "--output=x"], "--output is not a flag of weights/niqe"),
        (["weights/hidiff_gopro"], "--output is missing"),
        (["shake", "--output=x", "--min_extent=9", "--max_extent=3"], "--min_extent is larger than --max_extent"),
    ],
)
def test_wrong_flags_are_usage_errors(arguments, message, prepare):
    ran = prepare(*arguments, "--source=x")
    assert ran.returncode == 2 and message in ran.stderr and "Traceback" not in ran.stderr


def test_a_file_without_weights_is_a_one_line_error(tmp_path, monkeypatch, prepare):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "notes.txt").write_text("not weights")
    ran = prepare("weights/niqe", f"--source={tmp_path / 'notes.txt'}")
    assert ran.returncode == 1 and ran.stdout == "" and not (tmp_path / "cache").exists()
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"icdpm-prepare: error: {tmp_path / 'notes.txt'} has none of the missing weights")


def test_other_jobs_than_weights_need_a_source(prepare):
    ran = prepare("gopro")
    assert ran.returncode == 2 and "--source is missing" in ran.stderr
