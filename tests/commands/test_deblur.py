"""icdpm-deblur as a person runs it: photos in, photos out, one sentence for what cannot be."""

import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from icdpm.systems.config import config_to_json
from icdpm.systems.icdpm import ICDPM
from icdpm.systems.weights import save_weights, variable_names
from icdpm.systems.workdir import checkpoint_folder, config_file

RUN = "from icdpm.commands.deblur import run; run()"


@pytest.fixture
def workdir(tmp_path, micro_config):
    """A workdir as training leaves it, with the weights of an untrained model."""
    folder = tmp_path / "workdir"
    folder.mkdir()
    config_file(folder).write_text(config_to_json(micro_config))
    system = ICDPM(micro_config)
    save_weights(checkpoint_folder(folder, 6) / "weights.npz", variable_names(system), system.get_weights())
    return folder


def deblur(*arguments):
    return subprocess.run([sys.executable, "-c", RUN, *map(str, arguments)], capture_output=True, text=True)


def save(path, height=20, width=30):
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(path)
    return path


def test_good_and_bad_photos_together(tmp_path, workdir):
    good, odd = save(tmp_path / "photos" / "ein Foto ü.png"), save(tmp_path / "photos" / "odd.jpg", 7, 3)
    bad = tmp_path / "photos" / "text.png"
    bad.write_text("not a picture")
    out = tmp_path / "out"
    result = deblur(good, bad, odd, f"--workdir={workdir}", f"--output={out}")
    assert result.returncode == 1 and "Traceback" not in result.stderr, result.stderr
    assert "text.png is not a picture" in result.stderr
    assert sorted(path.name for path in out.iterdir()) == ["ein Foto ü.png", "odd.jpg"]
    assert PIL.Image.open(out / "odd.jpg").size == (3, 7)
    # The same command again is refused; with --overwrite it gives the same bytes.
    before = (out / good.name).read_bytes()
    assert "--overwrite" in deblur(good, f"--workdir={workdir}", f"--output={out}").stderr
    assert deblur(good, f"--workdir={workdir}", f"--output={out}", "--overwrite").returncode == 0
    assert (out / good.name).read_bytes() == before


def test_bad_arguments_are_one_sentence(tmp_path, workdir):
    photo = save(tmp_path / "photo.png")
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    empty = tmp_path / "empty"
    empty.mkdir()
    cases = [
        ([photo, f"--workdir={empty}", f"--output={tmp_path / 'o'}"], 1, "not the workdir"),
        ([photo, f"--workdir={workdir}", f"--output={in_the_way / 'o'}"], 1, "file"),
        ([photo, f"--workdir={workdir}", f"--output={tmp_path / 'o'}", "--checkpoint=5"], 1, "no checkpoint of step 5"),
        ([photo, f"--workdir={workdir}", f"--output={tmp_path / 'o'}", "--steps=0"], 2, "steps"),
        ([photo, f"--workdir={workdir}"], 2, "--output"),
        ([f"--workdir={workdir}", f"--output={tmp_path / 'o'}"], 2, "no photo"),
    ]
    for arguments, status, said in cases:
        result = deblur(*arguments)
        message = result.stderr.strip().splitlines()[-1]
        assert result.returncode == status and said in message and "Traceback" not in result.stderr, result.stderr
    assert not (tmp_path / "o").exists()
