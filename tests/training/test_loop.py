"""The training loop: values that are not finite, several steps per call, and transfers from the device."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.models.registry import build_model
from icdpm.models.training_step import take_step
from icdpm.models.weights import read_arrays
from icdpm.models.workdir import checkpoint_folder, checkpoint_steps
from icdpm.training.callbacks import Callback
from icdpm.training.checkpoints import training_state
from icdpm.training.loop import end_of_call, needs_logs
from icdpm.training.run import train as train_model

pytestmark = pytest.mark.slow


@pytest.fixture
def config(regression_config):
    with regression_config.unlocked():
        regression_config.run.update({"steps": 23, "log_every": 10, "validate_every": 23, "checkpoint_every": 23})
    return regression_config


@pytest.fixture
def train(tmp_path, random_pairs, monkeypatch):
    """Function (config, name of a workdir) -> (arrays of its last checkpoint, [(step, fetches so far) of each callback])."""
    fetches = []
    eager = next(each for each in type(tf.constant(0.0)).__mro__ if "_numpy" in vars(each))
    fetch = eager._numpy

    def counted(tensor):
        if tensor.dtype != tf.bool:  # tf.summary reads a flag on the host
            fetches.append(tensor.shape)
        return fetch(tensor)

    monkeypatch.setattr(eager, "_numpy", counted)

    def train(config, name):
        called = []

        class Record(Callback):
            def on_step_end(self, step, logs):
                called.append((step, len(fetches)))

        strategy = tf.distribute.get_strategy()
        train_model(config, tmp_path / name, random_pairs, random_pairs, strategy, callbacks=[Record()])
        return read_arrays(checkpoint_folder(tmp_path / name, config.run.steps) / "state.npz"), called

    return train


def test_weights_do_not_depend_on_steps_per_call_and_logs_are_fetched_at_callbacks_only(config, train):
    one, called = train(config, "one")
    assert [step for step, _ in called] == [1, 10, 20, 23]
    assert [later - before for (_, before), (_, later) in zip(called, called[1:])] == [1, 1, 1]
    config.run.steps_per_call = 20
    twenty, called = train(config, "twenty")
    assert [step for step, _ in called] == [10, 20, 23]
    assert one.keys() == twenty.keys() and len(one) > 50
    for name, values in one.items():
        assert values.tobytes() == twenty[name].tobytes(), name


def test_the_first_step_that_is_not_finite_is_named(config, train, tmp_path):
    config.optimizer.learning_rate = 1e30
    config.run.steps_per_call = 7
    with pytest.raises(IcdpmError, match=r"at step (\d) \(examples \d+ to \d+\): .* not finite") as error:
        train(config, "diverging")
    step = int(str(error.value).split("at step ")[1].split()[0])
    assert 1 < step < 7 and f"(examples {4 * step - 4} to {4 * step - 1})" in str(error.value)
    assert not checkpoint_steps(tmp_path / "diverging")


def test_a_step_that_is_not_finite_changes_nothing(micro_config, batch):
    model = build_model(micro_config)
    model.compile()
    step = tf.function(functools.partial(take_step, model), autograph=False)
    step(batch)
    state = training_state(model).values()
    before = [each.numpy() for each in state]
    bad = step({**batch, "sharp": batch["sharp"] * np.nan})
    assert np.isnan(bad["gradient_norm"])
    for variable, values in zip(state, before):
        assert variable.numpy().tobytes() == values.tobytes()
    step(batch)
    assert model.optimizer.iterations == 2 and any((v.numpy() != values).any() for v, values in zip(state, before))


def test_calls_end_where_an_action_is_due(micro_config):
    run = micro_config.run
    run.update({"steps": 50, "steps_per_call": 20, "log_every": 15, "validate_every": 40, "checkpoint_every": 33})
    ends = [0]
    while ends[-1] < 50:
        ends.append(end_of_call(ends[-1], run, 28 if ends[-1] < 28 else 50))
    assert ends == [0, 15, 28, 30, 33, 40, 45, 50]
    assert [end for end in ends[1:] if needs_logs(end, run)] == [15, 30, 33, 40, 45, 50]
