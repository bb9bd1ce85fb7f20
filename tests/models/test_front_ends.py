"""Every model in every use: training, restoration whole and in tiles, evaluation, export, serving, Python."""

import numpy as np
import pytest
import tensorflow as tf
from small_models import MODELS, small_config

import icdpm
from icdpm.errors import IcdpmError
from icdpm.evaluation.restore_dataset import restore_dataset
from icdpm.models.workdir import load
from icdpm.restoration.restore import restore
from icdpm.serving.export import export
from icdpm.serving.loaded_models import ExportedModel, TrainedModel
from icdpm.training.run import train

pytestmark = pytest.mark.slow

RESTORING = [name for name in MODELS if name != "hidiff_stage1"]


@pytest.fixture(scope="module")
def workdir_of(tmp_path_factory):
    """Returns a function (model, pairs) → workdir of a run of two steps, which is trained once."""
    trained = {}

    def workdir_of(name, pairs):
        if name not in trained:
            options = {}
            if name == "hidiff":
                options["start_from"] = workdir_of("hidiff_stage1", pairs)
            if name == "aligned_icdpm":
                options["target_pairs"] = pairs
            trained[name] = tmp_path_factory.mktemp(name) / "run"
            assert not train(small_config(name), trained[name], pairs, pairs, tf.distribute.get_strategy(), **options)
        return trained[name]

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

    presets = []
    served = TrainedModel(load(workdir))
    preset = next(iter(served.presets))
    assert served.restore(small, preset, lambda *_: presets.append(1)).pixels.shape == small.shape and presets

    export(workdir, tmp_path / "model")
    answer = ExportedModel(tmp_path / "model").restore(small, "default", lambda *_: None)
    np.testing.assert_array_equal(answer.pixels, restore(model, small, model.settings()).pixels)


def test_the_first_stage_of_hidiff_is_refused(workdir_of, random_pairs):
    with pytest.raises(IcdpmError, match="cannot restore"):
        load(workdir_of("hidiff_stage1", random_pairs))
