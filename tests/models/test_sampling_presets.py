"""Presets: those of a model class, and those that were measured for one model."""

import json

import numpy as np
import pytest

import icdpm
from icdpm.configs import load_config
from icdpm.errors import IcdpmError
from icdpm.models.config import config_to_json
from icdpm.models.registry import build_model, model_class
from icdpm.models.sampling_presets import SAMPLING_PRESETS, read_presets, write_presets
from icdpm.models.weights import named_variables, save_weights
from icdpm.models.workdir import config_file, load, presets_file, weights_file
from icdpm.serving.loaded_models import TrainedModel

pytestmark = pytest.mark.slow

MEASURED = {"sampler": "ancestral", "schedule": "log_snr", "steps": 1, "max_noise_variance": 0.995, "samples": 2}


@pytest.fixture
def workdir(tmp_path, micro_config):
    micro_config.diffusion.parametrisation = "preconditioned_estimate"
    config_file(tmp_path).write_text(config_to_json(micro_config))
    save_weights(weights_file(tmp_path, 6), named_variables(build_model(micro_config)))
    return tmp_path


def test_a_workdir_without_presets_uses_those_of_the_class(workdir):
    assert load(workdir).sampling_presets == model_class("icdpm").default_presets(load(workdir).config)


def test_measured_presets_replace_those_of_the_class(workdir):
    plain = load(workdir)
    write_presets(presets_file(workdir), {"balanced": MEASURED}, {"pairs": 3})
    model = load(workdir)
    assert model.settings("balanced") == plain.settings(**MEASURED) != plain.settings("balanced")
    assert model.settings("balanced", samples=5).samples == 5
    assert model.sampling_presets["balanced"].purpose == SAMPLING_PRESETS["balanced"].purpose
    assert model.settings("fast") == plain.settings("fast") and model.settings() == plain.settings()
    assert json.loads(presets_file(workdir).read_text())["measured"] == {"pairs": 3}
    # A preset with a new name has its own purpose.
    prints = {"purpose": "large prints", "changes": {"samples": 64}}
    presets_file(workdir).write_text(json.dumps({"presets": {"prints": prints}}))
    assert str(load(workdir).sampling_presets["prints"]) == "large prints" and load(workdir).settings("prints").samples == 64


def test_user_interfaces_offer_presets_that_differ_and_suit_the_model(workdir):
    assert list(load(workdir).offered_presets) == ["fast", "balanced"]  # not paper, which warns
    write_presets(presets_file(workdir), {"fast": MEASURED, "balanced": MEASURED}, {})
    model = load(workdir)
    assert list(model.offered_presets) == ["balanced"] and model.settings("fast") == model.settings("balanced")
    assert TrainedModel(model).presets == {"balanced": "best quality for the time"}


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "presets.json is damaged"),
        ("[]", "presets.json is damaged"),
        ('{"presets": {"new": {"changes": {}}}}', "presets.json is damaged"),
        (
            '{"presets": {"fast": {"changes": {"steps": 0}}}}',
            "presets.json: fast: `steps` must be a whole number .* Received: 0",
        ),
        ('{"presets": {"fast": {"changes": {"speed": 1}}}}', "presets.json: fast: icDPM models have no setting 'speed'"),
    ],
)
def test_damaged_files_are_named(workdir, content, message):
    presets_file(workdir).write_text(content)
    with pytest.raises(IcdpmError, match=message):
        load(workdir)


def test_presets_with_many_steps_warn_for_models_trained_for_few(workdir):
    paper = load(workdir).sampling_presets["paper"]
    assert paper.warning.startswith("this model was trained for few steps") and "preconditioned_estimate" in paper.warning
    assert paper.changes == SAMPLING_PRESETS["paper"].changes and paper.warning in str(paper)
    config = load_config("table2_c")
    assert not any(preset.warning for preset in model_class(config.model).default_presets(config).values())
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.warns(UserWarning, match="preset 'paper': this model was trained for few steps") as warned:
        icdpm.load(workdir).restore(image, preset="paper", steps=1, samples=1)
    assert warned[0].filename == __file__


def test_an_absent_file_has_no_presets(tmp_path):
    assert read_presets(tmp_path / "presets.json", None) == {}
