"""Checkpoints: complete, damaged, or of an older format."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.models.registry import build_model
from icdpm.models.training_step import take_step
from icdpm.models.weights import named_variables
from icdpm.models.workdir import checkpoint_folder
from icdpm.training.checkpoints import LEGACY_ITERATIONS, LEGACY_KEYS, Checkpoints, training_state

pytestmark = pytest.mark.slow


def compiled(config, freeze=()):
    model = build_model(config)
    for layer in freeze:
        model.guidance_networks[layer].trainable = False
    model.compile()
    return model


@pytest.fixture
def saved(tmp_path, micro_config):
    """(a workdir with the checkpoint of step 4, its model)."""
    model = compiled(micro_config)
    Checkpoints(tmp_path, model, keep=3).save(4)
    return tmp_path, model


def test_a_truncated_checkpoint_is_named(saved):
    workdir, model = saved
    checkpoints, folder = Checkpoints(workdir, model, keep=3), checkpoint_folder(workdir, 4)
    assert checkpoints.restore_latest() == 4
    for path in sorted(folder.glob("state*")):
        content = path.read_bytes()
        for length in sorted({0, 1, 7, *(len(content) * part // 8 for part in range(1, 8)), len(content) - 1}):
            path.write_bytes(content[:length])
            with pytest.raises(IcdpmError, match="step-000000004 is damaged.*Delete that folder") as error:
                checkpoints.restore_latest()
            assert "{{" not in str(error.value) and "\n" not in str(error.value), str(error.value)
        path.unlink()
        with pytest.raises(IcdpmError, match="step-000000004 is damaged.*Delete that folder"):
            checkpoints.restore_latest()
        path.write_bytes(content)
    assert checkpoints.restore_latest() == 4


def test_without_the_damaged_checkpoint_the_previous_one_is_used(saved):
    workdir, model = saved
    checkpoints = Checkpoints(workdir, model, keep=3)
    checkpoints.save(6)
    (checkpoint_folder(workdir, 6) / "state.npz").write_bytes(b"")
    with pytest.raises(IcdpmError, match="step-000000006"):
        checkpoints.restore_latest()
    shutil.rmtree(checkpoint_folder(workdir, 6))
    assert checkpoints.restore_latest() == 4


def test_frozen_variables_are_saved(tmp_path, micro_config, batch):
    model = compiled(micro_config, freeze="1")
    take_step(model, batch)
    expected = {name: variable.numpy() for name, variable in named_variables(model).items()}
    Checkpoints(tmp_path, model, keep=3).save(1)
    micro_config.seed = 5
    other = compiled(micro_config, freeze="1")
    assert Checkpoints(tmp_path, other, keep=3).restore_latest() == 1
    for name, variable in named_variables(other).items():
        np.testing.assert_array_equal(variable, expected[name], err_msg=name)


def test_a_checkpoint_without_state_npz_is_read(saved, micro_config, batch):
    """Uses the keys of TensorFlow's checkpoints of a list of weights and of Keras' legacy optimizers."""
    workdir, model = saved
    take_step(model, batch)
    Checkpoints(workdir, model, keep=3).save(6)
    folder = checkpoint_folder(workdir, 6)
    state = {name: variable.numpy() for name, variable in training_state(model).items()}
    old = {LEGACY_ITERATIONS: state["iterations"]}
    for number, name in enumerate(named_variables(model)):
        old |= {key.format(number): state[f"{kind}/{name}"] for kind, key in LEGACY_KEYS.items() if f"{kind}/{name}" in state}
    part, names = str(workdir / "part"), list(old)
    tf.raw_ops.SaveV2(prefix=part, tensor_names=names, shape_and_slices=[""] * len(old), tensors=list(old.values()))
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=[part], destination_prefix=str(folder / "state"))
    (folder / "state.npz").unlink()
    micro_config.seed = 5
    other = compiled(micro_config)
    assert Checkpoints(workdir, other, keep=3).restore_latest() == 6
    for name, variable in training_state(other).items():
        np.testing.assert_array_equal(variable, state[name], err_msg=name)
