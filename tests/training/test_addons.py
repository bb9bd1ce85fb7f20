"""Our own optimisers beside tensorflow-addons': the same numbers, and the same checkpoints; and steps that are not wanted."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.keras import keras
from icdpm.training import addons
from icdpm.training.addons import Adam, AdamW, MovingAverage, OwnAdamW

RATE = keras.optimizers.schedules.PolynomialDecay(0.1, 100, 0.001)
SHRINKAGE = keras.optimizers.schedules.PolynomialDecay(0.01, 150)
THEIRS = addons.AdamW is not OwnAdamW
needs_theirs = pytest.mark.skipif(not THEIRS, reason="tensorflow-addons cannot be imported beside this TensorFlow")


class Fit:
    """A few variables that are drawn to random targets, and what takes the steps."""

    def __init__(self, optimizer):
        rng = np.random.default_rng(0)
        self.variables = [tf.Variable(rng.normal(size=shape).astype(np.float32)) for shape in [(3, 3, 4, 8), (8,), ()]]
        self.optimizer = optimizer
        if isinstance(optimizer, MovingAverage):
            optimizer.build(self.variables)
        else:
            optimizer.iterations  # noqa: B018
            optimizer._create_hypers()
            optimizer._create_slots(self.variables)
        self.checkpoint = tf.train.Checkpoint(weights=self.variables, optimizer=self.optimizer)
        self.step = tf.function(self.step, autograph=False)

    def step(self, seed, wanted=True):
        targets = [tf.random.stateless_normal(variable.shape, [0, seed]) for variable in self.variables]
        gradients = [variable - target for variable, target in zip(self.variables, targets)]
        if isinstance(self.optimizer, MovingAverage):
            self.optimizer.apply(gradients, self.variables, wanted)
        else:
            self.optimizer.apply_gradients(zip(gradients, self.variables))

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
    inner = OwnAdamW(SHRINKAGE, learning_rate=RATE) if adam == "AdamW" else Adam(RATE)
    return Fit(MovingAverage(inner, average_decay=0.99, dynamic_decay=dynamic))


def theirs(adam="AdamW", dynamic=True):
    from tensorflow_addons import optimizers

    inner = optimizers.AdamW(SHRINKAGE, learning_rate=RATE) if adam == "AdamW" else Adam(RATE)
    return Fit(optimizers.MovingAverage(inner, average_decay=0.99, dynamic_decay=dynamic))


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


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("adam", [AdamW, OwnAdamW, Adam], ids=["AdamW", "OwnAdamW", "Adam"])
def test_a_step_that_is_not_wanted_changes_nothing(adam, jit_compile):
    inner = Adam(RATE) if adam is Adam else adam(SHRINKAGE, learning_rate=RATE)
    fit = Fit(MovingAverage(inner, average_decay=0.99, dynamic_decay=True)).run(0, 3)
    before = [each.numpy() for each in [*fit.variables, *fit.optimizer._optimizer.weights, *fit.optimizer.weights]]

    @tf.function(jit_compile=jit_compile)
    def step(wanted):
        bad = [tf.fill(variable.shape, tf.constant(value)) for variable, value in zip(fit.variables, (np.nan, np.inf, 1.0))]
        fit.optimizer.apply(bad, fit.variables, wanted)

    step(tf.constant(False))
    after = [each.numpy() for each in [*fit.variables, *fit.optimizer._optimizer.weights, *fit.optimizer.weights]]
    assert len(before) >= 3 * 4 + 1
    for one, other in zip(before, after):
        assert one.tobytes() == other.tobytes()
    step(tf.constant(True))
    assert np.isnan(fit.variables[0]).all() and fit.optimizer.iterations == 4
