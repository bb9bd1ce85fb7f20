"""Tests of the comparison of hidiff_tiny. (tests/models trains its stages.)"""

import json
import shutil

import PIL.Image
import pytest
import tensorflow as tf

import icdpm.training.run
from icdpm_experiments import pairs
from icdpm_experiments.measurements import hidiff_tiny


@pytest.mark.slow
def test_its_stages_and_a_model_without_prior_are_compared(micro_workdir, monkeypatch):
    trained = []

    def train(config, workdir, training, validation, strategy, start_from):
        """Stands in for training: writes a run of a small model with two validations."""
        trained.append((workdir.name, start_from and start_from.name, len(validation)))
        shutil.copytree(micro_workdir, workdir)
        writer = tf.summary.create_file_writer(str(workdir / "tensorboard"))
        for step in (250, config.run.steps):
            with writer.as_default(step):
                for name in ("psnr", "psnr_blurry"):
                    tf.summary.scalar(f"validation/{name}", 20.0)

    monkeypatch.setattr(icdpm.training.run, "train", train)
    monkeypatch.setattr(pairs, "select_blurred", lambda source: pairs.SelectedPairs(source, (0, 1), "two scenes"))
    assert hidiff_tiny.main(["hidiff_tiny"]) == 0
    assert trained == [("stage1", None, 2), ("stage2", "stage1", 2), ("without", None, 2)]
    stage2, without, difference = json.loads(open("results/hidiff_tiny.json").read())["rows"]
    assert (stage2[""], without[""]) == (hidiff_tiny.STAGE_2, hidiff_tiny.NO_PRIOR)
    assert difference["gain"] == pytest.approx(stage2["gain"] - without["gain"], abs=2e-3)
    assert stage2["from"] <= stage2["gain"] <= stage2["to"] and stage2["above 0"].endswith(" of 2")
    assert PIL.Image.open("results/hidiff_tiny.png").size[0] > 500
