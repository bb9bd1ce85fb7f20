"""An exported model as the page uses it."""

import time

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.models.workdir import load
from icdpm.restoration.restore import restore
from icdpm.serving.exported import ExportedModel


@pytest.fixture(scope="module")
def model(exported):
    return ExportedModel(exported)


@pytest.mark.parametrize(("dtype", "shape"), [(np.uint8, (21, 30, 3)), (np.uint16, (21, 30))])
def test_it_restores_as_the_python_path_does(model, micro_workdir, dtype, shape):
    assert list(model.presets) == ["default", "fast", "balanced", "paper"]
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)
    restored = model.restore(pixels, "default", lambda *_: None)
    system = load(micro_workdir)
    same = restore(system, pixels, system.settings(samples=3), seed=5, keep_intermediate_outputs=True)
    assert restored.pixels.dtype == dtype and np.array_equal(restored.pixels, same.pixels)
    assert list(restored.intermediate_outputs) == list(same.intermediate_outputs) == ["guidance_1"]
    assert np.array_equal(restored.intermediate_outputs["guidance_1"], same.intermediate_outputs["guidance_1"])
    assert restored.spread is None


def test_it_can_be_stopped_in_the_midst_of_its_graph(model):
    class Enough(Exception):
        pass

    def stop(*_):
        raise Enough

    began = time.perf_counter()
    with pytest.raises(Enough):  # 4000 evaluations of the network
        model.restore(np.zeros((190, 200, 3), np.uint8), "paper", stop)
    assert time.perf_counter() - began < 5


def test_what_it_refuses_is_one_sentence(model, tmp_path):
    with pytest.raises(IcdpmError, match="^the image has 300 x 200 pixels; this model takes at most 40000 pixels$"):
        model.restore(np.zeros((200, 300, 3), np.uint8), "default", lambda *_: None)
    with pytest.raises(IcdpmError, match="is not an exported model: it holds no saved_model.pb"):
        ExportedModel(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(IcdpmError, match="is damaged"):
        ExportedModel(tmp_path)
