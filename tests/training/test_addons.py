"""Our own optimisers beside tensorflow-addons': the same numbers, and the same checkpoints."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.keras import keras
from icdpm.training import addons
from icdpm.training.addons import Adam, OwnAdamW, OwnMovingAverage

RATE = keras.optimizers.schedules.PolynomialDecay(0.1, 100, 0.001)
SHRINKAGE = keras.optimizers.schedules.PolynomialDecay(0.01, 150)
THEIRS = addons.MovingAverage is not OwnMovingAverage
needs_theirs = pytest.mark.skipif(not THEIRS, reason="tensorflow-addons cannot be imported beside this TensorFlow")


class Fit:
    """A few variables that are drawn to random targets, and what takes the steps."""

    def __init__(self, average, adam, dynamic=True):
        rng = np.random.default_rng(0)
        self.variables = [tf.Variable(rng.normal(size=shape).astype(np.float32)) for shape in [(3, 3, 4, 8), (8,), ()]]
        self.optimizer = average(adam, average_decay=0.99, dynamic_decay=dynamic)
        self.optimizer.iterations  # noqa: B018
        self.optimizer._create_hypers()
        self.optimizer._create_slots(self.variables)
        self.checkpoint = tf.train.Checkpoint(weights=self.variables, optimizer=self.optimizer)
        self.step = tf.function(self.step)

    def step(self, seed):
        targets = [tf.random.stateless_normal(variable.shape, [0, seed]) for variable in self.variables]
        self.optimizer.apply_gradients((v - target, v) for v, target in zip(self.variables, targets))

    def run(self, first, last):
        for number in range(first, last):
            self.step(tf.constant(number))
        return self

    def numbers(self):
        """All of a checkpoint, by its place there."""
        return [
            *(each.numpy() for variable in self.variables for each in (variable, self.optimizer.get_slot(variable, "average"))),
            self.optimizer.iterations.numpy(),
        ]


def ours(adam="AdamW", dynamic=True):
    return Fit(OwnMovingAverage, OwnAdamW(SHRINKAGE, learning_rate=RATE) if adam == "AdamW" else Adam(RATE), dynamic)


def theirs(adam="AdamW", dynamic=True):
    return Fit(addons.MovingAverage, addons.AdamW(SHRINKAGE, learning_rate=RATE) if adam == "AdamW" else Adam(RATE), dynamic)


def assert_same(first, second):
    for one, other in zip(first.numbers(), second.numbers()):
        np.testing.assert_array_equal(one, other)


@needs_theirs
@pytest.mark.parametrize("adam, dynamic", [("Adam", True), ("AdamW", True), ("Adam", False)])
def test_200_steps_are_the_same_bit_for_bit(adam, dynamic):
    first, second = ours(adam, dynamic).run(0, 200), theirs(adam, dynamic).run(0, 200)
    assert_same(first, second)


@needs_theirs
@pytest.mark.parametrize("begin, go_on", [(ours, theirs), (theirs, ours)])
@pytest.mark.parametrize("adam", ["Adam", "AdamW"])
def test_one_goes_on_from_the_others_checkpoint(begin, go_on, adam, tmp_path):
    whole = begin(adam).run(0, 20)
    begin(adam).run(0, 10).checkpoint.write(str(tmp_path / "state"))
    rest = go_on(adam)
    rest.checkpoint.read(str(tmp_path / "state")).assert_consumed()
    assert_same(rest.run(10, 20), whole)
    rest.checkpoint.write(str(tmp_path / "other"))
    whole.checkpoint.write(str(tmp_path / "whole"))
    assert tf.train.list_variables(str(tmp_path / "other")) == tf.train.list_variables(str(tmp_path / "whole"))


def test_the_average_is_that_of_its_equation():
    fit = ours("Adam")
    expected = [variable.numpy().astype(np.float64) for variable in fit.variables]
    for step in range(30):
        fit.run(step, step + 1)
        decay = min(0.99, (1 + step) / (10 + step))
        expected = [decay * before + (1 - decay) * now.numpy() for before, now in zip(expected, fit.variables)]
    for variable, average in zip(fit.variables, expected):
        np.testing.assert_allclose(fit.optimizer.get_slot(variable, "average"), average, rtol=1e-4, atol=1e-6)
        assert np.abs(variable - average).max() > 1e-3
