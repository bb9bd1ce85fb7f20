"""Tests of the training recipe, the packaging and the measurements of the packaged model."""

import json
import os
import shutil

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from processes import completed

import icdpm.models.workdir
from icdpm.errors import IcdpmError
from icdpm.metrics.psnr import psnr
from icdpm.models.workdir import load, read_config, read_data, weights_file
from icdpm.restoration.restore import restore
from icdpm_datasets.load import load_pairs
from icdpm_experiments.packaged_model import guided
from icdpm_experiments.packaged_model.guided import GUIDED, SAME_COMPUTE, SAME_STEPS, gain_rows
from icdpm_experiments.packaged_model.packaging import package
from icdpm_experiments.packaged_model.weights import load_training_data
from icdpm_experiments.training_logs import read_curve

pytestmark = pytest.mark.slow


@pytest.fixture
def pairs_folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        sharp = rng.integers(60, 190, (40, 48, 3)).astype(np.uint8)
        for side, image in (("sharp", sharp), ("blur", sharp // 2 + 50)):
            (tmp_path / "pairs" / side).mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(image).save(tmp_path / "pairs" / side / f"{name}.png")
    return tmp_path / "pairs"


@pytest.fixture
def run(micro_workdir, tmp_path):
    """A workdir of a run that was validated twice, interrupted, and validated again."""
    workdir = shutil.copytree(micro_workdir, tmp_path / "run")
    seen = {"training": [f"3 pairs in {tmp_path}/images/averaged"], "validation": [f"3 pairs in {tmp_path}/images/val"]}
    (workdir / "data.json").write_text(json.dumps(seen))
    for number, values in enumerate([{3: 20.0, 6: 21.0}, {6: 22.0}]):
        writer = tf.summary.create_file_writer(str(workdir / "tensorboard"), filename_suffix=f".{number}")
        for step, value in values.items():
            with writer.as_default(step):
                for name, change in (("psnr", 0), ("psnr_blurry", -1), ("noise_loss", 1)):
                    tf.summary.scalar(f"validation/{name}", value + change)
        writer.close()
        os.utime(next((workdir / "tensorboard").glob(f"*.{number}")), (number, number))
    return workdir


def test_the_curve_of_a_run(run):
    rows, hours = read_curve(run)
    assert [(row["step"], row["psnr"], row["noise_loss"]) for row in rows] == [(3, 20.0, 21.0), (6, 22.0, 23.0)]
    assert 0 < hours < 0.1
    (last,) = (run / "tensorboard").glob("*.1")
    content = last.read_bytes()
    last.write_bytes(content + content[:20])  # the process was killed while it wrote an event
    assert read_curve(run)[0] == rows


def test_a_run_is_packaged(run, pairs_folder, tmp_path):
    target = tmp_path / "package/small"
    (target / "checkpoints/step-000000001").mkdir(parents=True)
    # Weights are matched by name, in any order.
    with np.load(weights_file(run, 6)) as kept:
        arrays = dict(kept)
    np.savez(weights_file(run, 6), **dict(reversed(arrays.items())))
    earlier = shutil.copytree(run, tmp_path / "earlier")
    np.savez(weights_file(earlier, 6), **{name: 1.02 * array for name, array in arrays.items()})
    change = package([run, earlier], [earlier, run], target, load_pairs(str(pairs_folder), "test"), tmp_path / "images")
    assert abs(change) < 0.01 and [path.name for path in target.parent.iterdir()] == ["small"]
    assert [path.name for path in (target / "checkpoints").iterdir()] == ["step-000000006"]
    assert read_config(target) == read_config(run)
    for ours, theirs in zip(load(target).get_weights(), load(run).get_weights()):
        np.testing.assert_allclose(ours, np.float16(1.01 * theirs), rtol=1e-3, atol=1e-6)
    assert weights_file(target, 6).stat().st_size < weights_file(run, 6).stat().st_size
    assert read_data(target) == {"training": ["3 pairs in averaged"], "validation": ["3 pairs in val"]}
    card = (target / "MODEL_CARD.md").read_text()
    assert json.loads((target / "presets.json").read_text())["measured"]["pairs"] == 3
    assert "- `--preset=balanced`: --sampler=ancestral" in card and "Measured on 3 validation pairs" in card
    assert "| run | 6 | 4 of 16×16 | yes |\n| earlier | 6 | 4 of 16×16 | yes |" in card
    assert str(tmp_path) not in card and "Not yet measured" in card
    assert PIL.Image.open("results/weights_curve.png").size[0] > 500


def test_runs_start_from_earlier_runs(images, start):
    program = """
import runpy
import icdpm.training.run
from icdpm_experiments.packaged_model import packaging

def train(config, workdir, training, validation, strategy, start_from):
    print(workdir.name, start_from, "embedded" in training.description, config.seed)

icdpm.training.run.train = train
packaging.write_mean = lambda runs, folder: [run.name for run in runs]
packaging.package = lambda runs, averaged, target, validation, folder: print(*(run.name for run in averaged)) or 0.0
runpy.run_module("icdpm_experiments.packaged_model.weights", run_name="__main__")
"""
    done = completed(start(program, [f"--folder={images}"], cwd=images))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-12:-1] == [
        "weights_first None False 0",
        "weights_second ['weights_first'] True 1",
        "weights_third ['weights_second'] True 2",
        "weights_long ['weights_second', 'weights_third'] True 3",
        "weights_handheld ['weights_second', 'weights_third'] True 4",
        "weights_long_end ['weights_long', 'weights_handheld'] True 5",
        "weights_handheld_end ['weights_long', 'weights_handheld'] True 6",
        "weights_long_large ['weights_long_end', 'weights_handheld_end'] True 7",
        "weights_handheld_large ['weights_long_end', 'weights_handheld_end'] True 8",
        "weights_handheld_more ['weights_long_large', 'weights_handheld_large'] True 12",
        "weights_handheld_more",
    ]


def test_missing_training_data_are_reported(tmp_path):
    with pytest.raises(IcdpmError, match="The folder 'nowhere' of training images does not exist"):
        load_training_data("nowhere")
    with pytest.raises(IcdpmError, match="FOLDER=images"):
        load_training_data("")
    with pytest.raises(ValueError, match="photos"):
        load_training_data(tmp_path)


def test_the_packaged_model_is_measured(micro_workdir, pairs_folder, tmp_path, start):
    program = "import runpy; runpy.run_module('icdpm_experiments.packaged_model.bench_weights', run_name='__main__')"
    flags = [f"--workdir={micro_workdir}", f"--pairs=few={pairs_folder}", "--metrics=psnr,lpips_alex", "--paper_crop=16"]
    photo = np.linspace(0, 255, 140 * 140 * 3).reshape(140, 140, 3) + np.random.default_rng(0).normal(0, 8, (140, 140, 3))
    (tmp_path / "photos").mkdir()
    PIL.Image.fromarray(np.uint8(np.clip(photo, 0, 255))).save(tmp_path / "photos/photo.png")
    flags.append(f"--folder={tmp_path}")
    environment = {"ICDPM_CACHE": str(tmp_path / "no weights")}
    done = completed(start(program, flags, environment, cwd=tmp_path))
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "results/weights_micro.json").read_text())
    rows = {(row["set"], row["restored"]): row for row in content["rows"]}
    assert list(rows) == [
        ("few", "blurry"),
        ("few", "one sample"),
        ("few", "mean of 8"),
        ("few", "--preset=fast"),
        ("few", "--preset=balanced"),
        ("few, middle 16×16", "blurry"),
        ("few, middle 16×16", "--preset=paper"),
        ("few, JPEG quality 50", "blurry"),
        ("few, JPEG quality 50", "one sample"),
        ("few, sharp", "sharp image as input, one sample"),
        ("mild blur", "blurry"),
        ("mild blur", "one sample"),
    ]
    row, blurry = rows["few", "mean of 8"], rows["few", "blurry"]
    assert row["gain"] == pytest.approx(row["psnr"] - blurry["psnr"], abs=2e-3) and row["from"] <= row["gain"] <= row["to"]
    assert row["worst"] <= row["gain"] and row["below the input"].endswith(" of 3")
    mild = rows["mild blur", "one sample"]
    assert 32 < rows["mild blur", "blurry"]["psnr"] < 45 and 0 <= mild["by 0.3 dB"] <= int(mild["below the input"].split()[0])
    assert "lpips_alex is not available" in (tmp_path / "results/weights_micro.md").read_text()


def test_gains_are_those_of_the_mean_of_samples_over_the_input(micro_workdir, random_pairs, tmp_path, monkeypatch):
    model, loaded = load(micro_workdir), []
    monkeypatch.setattr(icdpm.models.workdir, "load", lambda workdir, step: loaded.append((workdir.name, step)) or model)
    monkeypatch.setattr(guided, "SAMPLES", 2)
    random_pairs.names = random_pairs.names[:2]
    gains = guided.measure_gains("few", random_pairs, SAME_STEPS, guided.seeded_runs()[SAME_STEPS])
    assert loaded == [(f"small_naf_unguided-seed{seed}", 2000) for seed in (0, 1, 2)] and gains.shape == (3, 2)
    restored = restore(model, random_pairs.blurry[1], model.settings(samples=2)).pixels
    gain = psnr(restored, random_pairs.sharp[1]) - psnr(random_pairs.blurry[1], random_pairs.sharp[1])
    np.testing.assert_allclose(gains[:, 1], gain)


def test_two_given_runs_are_compared(micro_workdir, images, start):
    runs = {"guided": images / "runs/a", "unguided": images / "runs/b"}
    for folder in runs.values():
        shutil.copytree(micro_workdir, folder)
        (folder / "data.json").write_text(json.dumps({"training": [f"1 photo in {images}/photos"], "validation": []}))
    program = """
import runpy
from icdpm_experiments import pairs

pairs.select_blurred = lambda source: pairs.SelectedPairs(source, (0, 1), "two of them")
runpy.run_module("icdpm_experiments.packaged_model.guided", run_name="__main__")
"""
    flags = [f"--folder={images}", f"--pairs=few={images}/other", f"--guided={runs['guided']}"]
    refused = completed(start(program, flags, cwd=images))
    assert refused.returncode == 1 and "give both GUIDED=DIR and UNGUIDED=DIR" in refused.stderr
    done = completed(start(program, [*flags, f"--unguided={runs['unguided']}"], cwd=images))
    assert done.returncode == 0, done.stderr
    rows = json.loads((images / "results/guided_long.json").read_text())["rows"]
    assert [row["set"] for row in rows] == ["training domain"] * 2 + ["embedded"] * 2 + ["few"] * 2
    assert rows[0]["gain"] == rows[1]["gain"] and rows[5]["guided − it"] == 0 and "seed 0" not in rows[5]
    assert "Training data: 1 photo in photos." in (images / "results/guided_long.md").read_text()


def test_rows_of_guided_and_unguided():
    gains = {
        GUIDED: np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]),
        SAME_STEPS: np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]),
        SAME_COMPUTE: np.array([[2.0, 1.0], [2.0, 1.0], [2.0, 1.0]]),
    }
    first, steps, compute = gain_rows("few", gains)
    assert (first["gain"], first["seed 0"], first["seed 2"], first["guided − it"]) == (2.5, 1.5, 3.5, "")
    assert (steps["guided − it"], steps["from"], steps["to"]) == (1.0, 1.0, 1.0)
    assert compute["guided − it"] == 1.0 and (compute["from"], compute["to"]) == (0.0, 2.0)
