"""Exported models of the other systems give what Python gives."""

import json

import numpy as np
import pytest
import tensorflow as tf

from icdpm.models.config import check_config, config_to_json, default_config
from icdpm.models.registry import build_model
from icdpm.models.weights import named_variables, save_weights
from icdpm.models.workdir import config_file, weights_file
from icdpm.restoration.restore import restore
from icdpm.serving.export import export
from icdpm.serving.exported import ExportedModel
from icdpm.serving.trained import TrainedModel


@pytest.fixture(params=["dvsr", "regression", "aligned_icdpm"])
def workdir(request, tmp_path):
    """A workdir with the weights of an untrained model."""
    config = default_config(request.param)
    config.precision = "float32"
    for section in config.values():
        if hasattr(section, "multipliers"):
            section.update(channels=4, multipliers=(1, 2), encoder_blocks=1, middle_blocks=1, zero_last=False)
    if "guidance" in config:
        config.guidance.update(scales=(1,), channels=4, middle_blocks=1)
    if "sampling" in config:
        config.sampling.update(steps=3, max_noise_variance=0.9)
    config.data.crop = 16
    config = check_config(config)
    config_file(tmp_path).write_text(config_to_json(config))
    save_weights(weights_file(tmp_path, 6), named_variables(build_model(config)))
    return tmp_path


def test_it_gives_what_python_gives(workdir):
    export(workdir, workdir / "model", seed=5)
    image = np.random.default_rng(0).integers(0, 256, (21, 30, 3), dtype=np.uint8)
    trained, exported = TrainedModel(workdir), ExportedModel(workdir / "model")
    model = trained._model
    expected = restore(model, image, model.settings(), seed=5, keep_intermediate_outputs=True)
    made = exported.restore(image, "default", lambda *_: None)
    np.testing.assert_array_equal(made.pixels, expected.pixels)
    assert made.intermediate_outputs.keys() == expected.intermediate_outputs.keys()
    for name, picture in made.intermediate_outputs.items():
        np.testing.assert_array_equal(picture, expected.intermediate_outputs[name])
    presets = model.default_presets(model.config)
    assert list(exported.presets) == ["default", *presets] and list(trained.presets) == (list(presets) or ["default"])
    assert json.loads((workdir / "model/presets.json").read_text()) == {name: str(each) for name, each in presets.items()}
    np.testing.assert_array_equal(
        trained.restore(image, "default" if not presets else "fast", lambda *_: None).pixels,
        restore(model, image, model.settings("fast" if presets else None)).pixels,
    )
    assert model.description in (workdir / "model/MODEL_CARD.md").read_text()
    signatures = set(tf.saved_model.load(str(workdir / "model")).signatures)
    assert {"serving_default", "restore"} <= signatures and ("pictures" in signatures) == bool(expected.intermediate_outputs)
