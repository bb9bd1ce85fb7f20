"""Every model in every use: training, restoration whole and in tiles, evaluation, export, serving, Python."""

import json

import numpy as np
import pytest
import tensorflow as tf
from small_models import MODELS, small_config

import icdpm
from icdpm.evaluation.restore_dataset import restore_dataset
from icdpm.models.config import config_to_json
from icdpm.models.registry import build_model
from icdpm.models.sampling_presets import write_presets
from icdpm.models.weights import named_variables, save_weights
from icdpm.models.workdir import config_file, presets_file, weights_file
from icdpm.restoration.restore import restore
from icdpm.serving.export import export
from icdpm.serving.loaded_models import ExportedModel, TrainedModel
from icdpm.training.run import train

pytestmark = pytest.mark.slow

RESTORING = [name for name in MODELS if name != "hidiff_stage1"]
# Others train the other models in graphs: tests/training/test_run.py regression, naf and aligned_icdpm, test_keras_contract.py
# icdpm, tests/custom_model the custom model.
TRAINED = ("dvsr", "hidiff")


@pytest.fixture(scope="module")
def workdir_of(tmp_path_factory):
    """Returns a function (model, pairs) → workdir after two steps, which is made once.

    The models in `TRAINED` are trained, the others have the weights that they start with.
    """
    made = {}

    def workdir_of(name, pairs):
        if name not in made:
            config, workdir = small_config(name), tmp_path_factory.mktemp(name)
            if name in TRAINED:
                options = {"start_from": workdir_of("hidiff_stage1", pairs)} if name == "hidiff" else {}
                assert not train(config, workdir, pairs, pairs, tf.distribute.get_strategy(), **options)
            else:
                config_file(workdir).write_text(config_to_json(config))
                save_weights(weights_file(workdir, 2), named_variables(build_model(config)))
            if "sampling" in config:  # an export traces presets with its own settings only once
                same = {**config.sampling, "samples": 1}
                write_presets(presets_file(workdir), {"fast": same, "balanced": same}, {})
            made[name] = workdir
        return made[name]

    return workdir_of


def image(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", RESTORING)
def test_a_trained_model_works_everywhere(name, workdir_of, random_pairs, tmp_path):
    workdir = workdir_of(name, random_pairs)
    model = icdpm.load(workdir)
    small = image(21, 30)
    whole = model.restore(small)
    assert whole.shape == small.shape and whole.dtype == np.uint8

    tall = image(40, 2 * model.tile_overlap + 6 * model.size_multiple)
    tile = 2 * model.tile_overlap + 2 * model.size_multiple
    tiled = restore(model, tall, model.settings(), tile=tile, keep_intermediate_outputs=True)
    at_once = restore(model, tall, model.settings(), keep_intermediate_outputs=True)
    assert tiled.pixels.shape == tall.shape
    assert bool(tiled.intermediate_outputs) == bool(at_once.intermediate_outputs) == model.has_intermediate_outputs

    restore_dataset(model, random_pairs, model.settings(), 0, tmp_path / "restored")
    assert sorted(path.stem for path in (tmp_path / "restored").glob("*.png")) == sorted(random_pairs.names)

    evaluations, presets = [], model.offered_presets
    served, preset = TrainedModel(model), next(iter(presets), None)
    assert list(served.presets) == (list(presets) or ["default"])
    answer = served.restore(small, preset or "default", lambda *_: evaluations.append(1))
    np.testing.assert_array_equal(answer.pixels, restore(model, small, model.settings(preset)).pixels)
    assert evaluations

    export(workdir, tmp_path / "model")
    exported = ExportedModel(tmp_path / "model")
    answer = exported.restore(small, "default", lambda *_: None)
    expected = restore(model, small, model.settings(), keep_intermediate_outputs=True)
    np.testing.assert_array_equal(answer.pixels, expected.pixels)
    assert answer.intermediate_outputs.keys() == expected.intermediate_outputs.keys()
    for output, values in expected.intermediate_outputs.items():
        np.testing.assert_array_equal(answer.intermediate_outputs[output], values)
    if presets:
        np.testing.assert_array_equal(exported.restore(small, "fast", lambda *_: None).pixels, expected.pixels)
    others = {name: each.purpose for name, each in presets.items() if model.settings(name) != model.settings()}
    assert list(exported.presets) == ["default", *others] and "fast" not in presets and "balanced" not in others
    assert json.loads((tmp_path / "model/presets.json").read_text()) == others
    assert json.loads((tmp_path / "model/limits.json").read_text()) == {"max_pixels": exported.max_pixels}
    assert model.description in (tmp_path / "model/MODEL_CARD.md").read_text()
    signatures = set(exported._signatures)
    assert {"serving_default", "restore"} <= signatures and (
        "intermediate_outputs" in signatures
    ) == model.has_intermediate_outputs
