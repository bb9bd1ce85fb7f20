"""Weights files: all variables by name, and those that fit."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.keras import keras
from icdpm.models.registry import build_model
from icdpm.models.training_step import take_step
from icdpm.models.weights import averaged_weights, load_fitting_weights, load_weights, named_variables, save_weights


@pytest.fixture
def model(micro_config):
    return build_model(micro_config)


@pytest.fixture
def frozen(micro_config):
    """A model with frozen guidance."""
    model = build_model(micro_config)
    model.guidance_networks["1"].trainable = False
    return model


def values_of(model):
    return {name: variable.numpy() for name, variable in named_variables(model).items()}


def test_frozen_variables_are_saved_and_come_back(frozen, micro_config, tmp_path):
    assert 0 < len(frozen.trainable_variables) < len(frozen.variables) == len(named_variables(frozen))
    save_weights(tmp_path / "weights.npz", named_variables(frozen))
    micro_config.seed = 9
    other = build_model(micro_config)
    load_weights(tmp_path / "weights.npz", other)
    expected = values_of(frozen)
    for name, value in values_of(other).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_only_trained_weights_are_averaged(frozen, micro_config, batch):
    before = values_of(frozen)
    frozen.compile()
    for _ in range(3):
        take_step(frozen, batch)
    averages = averaged_weights(frozen)
    assert averages.keys() == before.keys()
    for name, value in averages.items():
        assert np.array_equal(value, before[name]) == name.startswith("guidance_1"), name


def test_two_variables_with_one_name_are_refused():
    class Twins(keras.Model):
        def __init__(self):
            super().__init__(name="twins")
            self.one = keras.layers.Dense(3, name="first")
            self.other = keras.layers.Dense(3, name="first")

    model = Twins()
    for layer in (model.one, model.other):
        with tf.name_scope("first"):
            layer.build([None, 3])
    with pytest.raises(IcdpmError, match="Two variables of the model are called 'first/kernel'"):
        named_variables(model)


def test_fitting_weights_are_loaded_and_the_others_listed(model, micro_config, tmp_path):
    path = tmp_path / "weights.npz"
    saved = {name: np.full_like(value, 0.5) for name, value in values_of(model).items()}
    saved["unet/stem/kernel"] = np.zeros([1, 1, 1, 1])
    saved["another/kernel"] = np.zeros(3)
    del saved["unet/head/bias"]
    save_weights(path, saved)
    before = values_of(model)
    summary = load_fitting_weights(path, model, "micro")
    count = len(before)
    assert summary.startswith(f"{count - 2} of {count} variables start with the weights of {path}; not used: ")
    assert "unet/stem/kernel" in summary.split("; randomly initialized: ")[0] and "another/kernel" in summary
    assert set(summary.split("; randomly initialized: ")[1].split(", ")) == {"unet/stem/kernel", "unet/head/bias"}
    for name, value in values_of(model).items():
        is_new = name in ("unet/stem/kernel", "unet/head/bias")
        np.testing.assert_array_equal(value, before[name] if is_new else 0.5, err_msg=name)


def test_training_continues_from_weights_that_were_set(model, batch, tmp_path):
    save_weights(tmp_path / "weights.npz", values_of(model))
    model.compile()
    for _ in range(3):  # the learning rate of the first step is 0
        take_step(model, batch)
    model.optimizer.use_averages(True)
    load_weights(tmp_path / "weights.npz", model)
    expected = values_of(model)
    model.optimizer.begin()
    for values in (values_of(model), averaged_weights(model)):
        for name, value in values.items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_weights_that_do_not_fit_are_refused(model, tmp_path):
    before = values_of(model)
    save_weights(tmp_path / "weights.npz", {"another/kernel": np.zeros(3)})
    for partial in (False, True):
        with pytest.raises(IcdpmError, match="None of the weights in .*weights.npz matches .* The config .* is other"):
            load_fitting_weights(tmp_path / "weights.npz", model, "other", partial=partial)
    for name, value in values_of(model).items():
        np.testing.assert_array_equal(value, before[name])


def test_weights_of_which_less_than_half_fit_need_partial(frozen, tmp_path):
    """Half of the trained variables, or half of the file's, is enough."""
    path, before = tmp_path / "weights.npz", values_of(frozen)
    trained = [name for name in before if not name.startswith("guidance_1")]
    count = len(trained)
    assert count == len(frozen.trainable_variables) < len(before)

    def save(fitting, others):
        others = {f"another_{number}/kernel": np.zeros(3) for number in range(others)}
        save_weights(path, {**{name: np.full_like(before[name], 0.5) for name in fitting}, **others})

    half = trained[: -(-count // 2)]
    save(half, 3 * count)
    assert f"{len(half)} of {len(before)} variables start" in load_fitting_weights(path, frozen, "other")
    save(half[:2], 2)
    load_fitting_weights(path, frozen, "other")
    # Frozen variables do not count as trained.
    frozen_ones = [name for name in before if name not in trained]
    save([*half[1:], *frozen_ones], 3 * count)
    message = f"Only {len(half) - 1} of {count} trained variables match the .* weights of .* Use their config, other, .*"
    earlier = values_of(frozen)
    with pytest.raises(IcdpmError, match=f"{message}--start_from_partial"):
        load_fitting_weights(path, frozen, "other")
    for name, value in values_of(frozen).items():
        np.testing.assert_array_equal(value, earlier[name])
    load_fitting_weights(path, frozen, "other", partial=True)
    np.testing.assert_array_equal(values_of(frozen)[frozen_ones[0]], 0.5)


@pytest.mark.slow
def test_truncated_files_are_damaged(model, tmp_path):
    path = tmp_path / "weights.npz"
    save_weights(path, named_variables(model))
    content = path.read_bytes()
    for part in (0, 0.01, 0.3, 0.6, 0.9, 0.999):
        path.write_bytes(content[: int(part * len(content))])
        with pytest.raises(IcdpmError, match="weights.npz is damaged"):
            load_weights(path, model)
        with pytest.raises(IcdpmError, match="weights.npz is damaged"):
            load_fitting_weights(path, model, "micro")
