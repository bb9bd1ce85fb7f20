"""Trained and exported models as the web page uses them."""

import time

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.models.workdir import load
from icdpm.restoration.restore import restore
from icdpm.serving.loaded_models import ExportedModel, TrainedModel

pytestmark = pytest.mark.slow


def random_image(dtype, shape):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.fixture(scope="module")
def exported_model(exported):
    return ExportedModel(exported)


@pytest.mark.parametrize(("dtype", "shape"), [(np.uint8, (21, 30, 3)), (np.uint16, (21, 30))])
def test_an_exported_model_equals_python(exported_model, micro_workdir, dtype, shape):
    assert list(exported_model.presets) == ["default", "fast", "balanced", "paper"] and exported_model.max_pixels == 40_000
    pixels, model = random_image(dtype, shape), load(micro_workdir)
    restored = exported_model.restore(pixels, "default", lambda *_: None)
    expected = restore(model, pixels, model.settings(samples=3), seed=5, keep_intermediate_outputs=True)
    assert restored.pixels.dtype == dtype and np.array_equal(restored.pixels, expected.pixels)
    assert list(restored.intermediate_outputs) == list(expected.intermediate_outputs) == ["guidance_1"]
    assert np.array_equal(restored.intermediate_outputs["guidance_1"], expected.intermediate_outputs["guidance_1"])
    assert restored.spread is None


@pytest.mark.parametrize(("dtype", "shape"), [(np.uint8, (37, 50, 3)), (np.uint16, (37, 50))])
def test_a_trained_model_equals_python(micro_workdir, dtype, shape):
    model, reports, pixels = load(micro_workdir), [], random_image(dtype, shape)
    trained = TrainedModel(model)
    assert list(trained.presets) == ["fast", "balanced", "paper"]
    restored = trained.restore(pixels, "balanced", lambda *report: reports.append(report))
    settings = model.settings("balanced")
    assert np.array_equal(restored.pixels, restore(model, pixels, settings).pixels)
    assert restored.spread.shape == pixels.shape and reports[-1] == (settings.steps * settings.samples,) * 2
    assert {name: each.shape for name, each in restored.intermediate_outputs.items()} == {"guidance_1": (19, 25)}
    assert restored.intermediate_outputs["guidance_1"].dtype == dtype
    assert trained.restore(pixels, "fast", lambda *_: None).spread is None


def test_a_running_graph_can_be_stopped(exported_model):
    class Stop(Exception):
        pass

    def stop(*_):
        raise Stop

    start = time.perf_counter()
    with pytest.raises(Stop):  # 4000 evaluations of the network, which take minutes
        exported_model.restore(np.zeros((190, 200, 3), np.uint8), "paper", stop)
    assert time.perf_counter() - start < 20


def test_invalid_images_and_folders_are_errors(exported_model, tmp_path):
    with pytest.raises(IcdpmError, match="^the image has 300 x 200 pixels; this model takes at most 40000 pixels$"):
        exported_model.restore(np.zeros((200, 300, 3), np.uint8), "default", lambda *_: None)
    with pytest.raises(IcdpmError, match="is not an exported model: it has no saved_model.pb"):
        ExportedModel(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(IcdpmError, match="is damaged"):
        ExportedModel(tmp_path)
