"""A model that is defined outside icdpm works with every command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import of_command, wait_until

from icdpm.models.workdir import checkpoint_steps

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
CONFIG = """
from icdpm.models.config import default_config

def get_config():
    config = default_config("sharpener:Sharpener")
    config.name = "sharpener"
    config.precision = "float32"
    config.optimizer.learning_rate = 1e-2
    config.optimizer.learning_rate_ramp = 2
    config.data.batch = 4
    config.data.crop = 16
    config.run.steps = 6
    config.run.log_every = 1
    config.run.validate_every = 3
    config.run.checkpoint_every = 2
    config.run.validation_images = 2
    return config
"""
OUTSIDE = """
import sys
import numpy as np
import tensorflow as tf

model, given, made = sys.argv[1:]
images = np.load(given)[None] / np.float32(255)
np.save(made, tf.saved_model.load(model).signatures["restore"](images=images)["images"])
assert not {"icdpm", "sharpener"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Returns a folder with the config and pairs in the layout of a test set."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "sharpener_config.py").write_text(CONFIG)
    rng = np.random.default_rng(0)
    for side in ("blur", "sharp"):
        (folder / "data" / side).mkdir(parents=True)
    for number in range(6):
        sharp = rng.integers(0, 256, (40, 52, 3), dtype=np.uint8)
        blurry = ((sharp.astype(np.uint16) + np.roll(sharp, 1, axis=1)) // 2).astype(np.uint8)
        for side, pixels in (("blur", blurry), ("sharp", sharp)):
            Image.fromarray(pixels).save(folder / "data" / side / f"{number}.png")
    return folder


ENVIRONMENT = {"PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])}


@pytest.fixture(scope="module")
def run(run_each):
    """Returns a function (command, arguments) → CompletedProcess of a successful run."""

    def run(command, *arguments):
        [done] = run_each(command, [arguments], ENVIRONMENT)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        return done

    return run


def training(folder, workdir):
    return [f"--config={folder / 'sharpener_config.py'}", f"--data={folder / 'data'}", f"--workdir={folder / workdir}"]


@pytest.fixture(scope="module")
def workdir(folder, run):
    done = run("train", *training(folder, "run"))
    assert "charbonnier loss" in done.stderr and "noise" not in done.stderr
    return folder / "run"


def weights(workdir):
    with np.load(workdir / "checkpoints/step-000000006/weights.npz") as archive:
        return {name: archive[name] for name in archive.files}


def test_icdpm_does_not_name_it():
    import icdpm

    for path in Path(icdpm.__file__).parent.rglob("*.py"):
        assert "sharpener" not in path.read_text().lower(), path


def test_killed_and_resumed_equals_unbroken(folder, workdir, start, run):
    process = start(of_command("train"), training(folder, "broken"), ENVIRONMENT)
    wait_until(lambda: checkpoint_steps(folder / "broken"), [process])
    process.kill()
    process.wait()
    run("train", *training(folder, "broken"))
    unbroken, broken = weights(workdir), weights(folder / "broken")
    assert unbroken.keys() == broken.keys() and len(unbroken) == 6
    for name, array in unbroken.items():
        np.testing.assert_array_equal(array, broken[name], err_msg=name)


@pytest.fixture(scope="module")
def restored(folder, workdir, run):
    """Returns a folder with the results of icdpm-deblur, without tiles."""
    run("deblur", folder / "data/blur", f"--workdir={workdir}", f"--output={folder / 'whole'}")
    return folder / "whole"


def test_tiles_equal_the_whole(folder, workdir, restored, run):
    run("deblur", folder / "data/blur", f"--workdir={workdir}", f"--output={folder / 'tiled'}", "--tile=16")
    for path in restored.iterdir():
        np.testing.assert_array_equal(np.asarray(Image.open(folder / "tiled" / path.name)), np.asarray(Image.open(path)))


def test_sampling_flags_are_refused(folder, workdir, run_each):
    cases = [
        ("--samples=3", "Sharpener models take no sampling settings. Received: samples"),
        ("--sampler=ddim", "Sharpener models take no sampling settings. Received: sampler"),
        ("--preset=fast", "This model has no presets"),
        ("--spread", "--spread needs --samples=2 or more: one sample has no standard deviation"),
    ]
    arguments = [folder / "data/blur/0.png", f"--workdir={workdir}", f"--output={folder / 'none'}"]
    runs = run_each("deblur", [[*arguments, flag] for flag, _ in cases], ENVIRONMENT)
    for (_, message), done in zip(cases, runs):
        assert done.returncode == 2 and message in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (folder / "none").exists()


def test_it_is_evaluated(folder, workdir, restored, run):
    output = folder / "evaluation"
    data = f"--dataset={folder / 'data'}"
    run("evaluate", f"--workdir={workdir}", data, "--metrics=psnr", f"--output={output}")
    assert json.loads((output / "summary.json").read_text())
    for path in restored.iterdir():
        np.testing.assert_array_equal(np.asarray(Image.open(output / "run" / path.name)), np.asarray(Image.open(path)))


def test_the_exported_model_needs_neither_it_nor_icdpm(folder, workdir, restored, run):
    run("export", f"--workdir={workdir}", f"--output={folder / 'model'}")
    assert "the model restores an image in one evaluation" in (folder / "model/MODEL_CARD.md").read_text()
    np.save(folder / "given.npy", np.asarray(Image.open(folder / "data/blur/3.png")))
    arguments = [folder / "model", folder / "given.npy", folder / "made.npy"]
    subprocess.run([sys.executable, "-c", OUTSIDE, *map(str, arguments)], check=True, cwd=folder, capture_output=True)
    made = np.round(np.load(folder / "made.npy")[0].astype(np.float64) * 255)
    np.testing.assert_array_equal(made, np.asarray(Image.open(restored / "3.png")))
