"""Presets: those of a kind of model, and those that were measured for one."""

import json

import numpy as np
import pytest

import icdpm
from icdpm.configs import load_config
from icdpm.errors import IcdpmError
from icdpm.models.config import config_to_json
from icdpm.models.registry import build_model, model_class
from icdpm.models.sampling_presets import read_presets, write_presets
from icdpm.models.settings import SAMPLING_PRESETS
from icdpm.models.weights import named_variables, save_weights
from icdpm.models.workdir import config_file, load, presets_file, weights_file
from icdpm.networks.layers import zero_weights

KNEE = {"sampler": "ancestral", "schedule": "log_snr", "steps": 1, "max_noise_variance": 0.995, "samples": 2}


@pytest.fixture
def workdir(tmp_path, micro_config):
    micro_config.diffusion.parametrisation = "preconditioned_estimate"
    config_file(tmp_path).write_text(config_to_json(micro_config))
    save_weights(weights_file(tmp_path, 6), named_variables(build_model(micro_config)))
    return tmp_path


def test_a_workdir_without_its_own_has_those_of_its_kind(workdir):
    assert load(workdir).sampling_presets == model_class("icdpm").default_presets(load(workdir).config)


def test_a_models_own_go_first_and_change_nothing_else(workdir):
    plain = load(workdir)
    write_presets(presets_file(workdir), {"balanced": KNEE}, {"pairs": 3})
    model = load(workdir)
    assert model.settings("balanced") == plain.settings(**KNEE) != plain.settings("balanced")
    assert model.settings("balanced", samples=5).samples == 5
    assert model.sampling_presets["balanced"].purpose == SAMPLING_PRESETS["balanced"].purpose
    assert model.settings("fast") == plain.settings("fast") and model.settings() == plain.settings()
    assert json.loads(presets_file(workdir).read_text())["measured"] == {"pairs": 3}
    # One of a name of its own says what it is for.
    prints = {"purpose": "large prints", "changes": {"samples": 64}}
    presets_file(workdir).write_text(json.dumps({"presets": {"prints": prints}}))
    assert str(load(workdir).sampling_presets["prints"]) == "large prints" and load(workdir).settings("prints").samples == 64


@pytest.mark.parametrize(
    "content, said",
    [
        ("{", "presets.json is damaged"),
        ("[]", "presets.json is damaged"),
        ('{"presets": {"new": {"changes": {}}}}', "presets.json is damaged"),
        ('{"presets": {"fast": {"changes": {"steps": 0}}}}', "presets.json: fast: steps is 0"),
        ('{"presets": {"fast": {"changes": {"speed": 1}}}}', "presets.json: fast: an icDPM has no setting 'speed'"),
    ],
)
def test_damage_is_one_sentence(workdir, content, said):
    presets_file(workdir).write_text(content)
    with pytest.raises(IcdpmError, match=said):
        load(workdir)


def test_many_steps_warn_where_a_model_was_trained_for_few(workdir):
    paper = load(workdir).sampling_presets["paper"]
    assert paper.warning.startswith("this model was trained for few steps") and "preconditioned_estimate" in paper.warning
    assert paper.changes == SAMPLING_PRESETS["paper"].changes and paper.warning in str(paper)
    config = load_config("table2_c")
    assert not any(preset.warning for preset in model_class(config.model).default_presets(config).values())
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.warns(UserWarning, match="preset 'paper': this model was trained for few steps"):
        icdpm.load(workdir).restore(image, preset="paper", steps=1, samples=1)


def test_a_file_that_is_not_there_holds_none(tmp_path):
    assert read_presets(tmp_path / "presets.json", None) == {}


def test_what_is_to_be_loaded_begins_with_zeros(micro_config, workdir):
    with zero_weights():
        model = build_model(micro_config)
    assert len(model.variables) > 20 and not any(np.any(array) for array in model.get_weights())
    assert any(np.any(array) for array in build_model(micro_config).get_weights())
    for loaded, random in zip(load(workdir).get_weights(), build_model(micro_config).get_weights()):
        np.testing.assert_array_equal(loaded, random)
