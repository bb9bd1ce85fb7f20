"""Adam with its moving average."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.keras import KERAS_3, keras, tf_variable
from icdpm.models.config import default_config
from icdpm.models.optimizer import AveragedAdam, config_optimizer

SHAPES = [(3, 3, 4, 8), (8,), (1,)]
RATE = keras.optimizers.schedules.PolynomialDecay(0.1, 100, 0.001)


def variables():
    rng = np.random.default_rng(0)
    return [tf.Variable(rng.normal(size=shape).astype(np.float32)) for shape in SHAPES]


def gradients(step):
    rng = np.random.default_rng(step)
    return [tf.constant(rng.normal(size=shape).astype(np.float32)) for shape in SHAPES]


def run(optimizer, steps, jit_compile=False):
    """Returns the variables after some steps."""
    held = variables()
    if hasattr(optimizer, "build"):
        optimizer.build(held)

    @tf.function(jit_compile=jit_compile, autograph=False)
    def step(some):
        optimizer.apply_gradients(zip(some, held))

    for number in range(steps):
        step(gradients(number))
    return held


@pytest.mark.parametrize("beta_1", [0.5, 0.9])
def test_200_steps_are_those_of_keras(beta_1):
    ours = run(AveragedAdam(RATE, beta_1, average_decay=0.99), 200)
    # Keras 2 compiles its other Adam, which rounds differently.
    theirs = run((keras.optimizers.Adam if KERAS_3 else keras.optimizers.legacy.Adam)(RATE, beta_1=beta_1), 200)
    for one, other in zip(ours, theirs):
        # Bit for bit those of Keras 2; Keras 3 rounds the powers of the betas otherwise.
        np.testing.assert_allclose(one, other, rtol=1e-4 if KERAS_3 else 0, atol=1e-4 if KERAS_3 else 0)


@pytest.mark.skipif(KERAS_3, reason="tensorflow-addons is for TensorFlow 2.15")
def test_200_steps_with_weight_decay_are_those_of_tensorflow_addons_bit_for_bit():
    from tensorflow_addons import optimizers

    class Shrinkage(keras.optimizers.schedules.LearningRateSchedule):
        """Weight decay times learning rate, as in PyTorch; tensorflow-addons omits the learning rate."""

        def __call__(self, step):
            return 0.5 * RATE(step)

        def get_config(self):
            return {}

    ours = run(AveragedAdam(RATE, weight_decay=0.5, average_decay=0.99), 200)
    theirs = run(optimizers.AdamW(Shrinkage(), learning_rate=RATE, epsilon=1e-8), 200)
    for one, other in zip(ours, theirs):
        np.testing.assert_array_equal(one, other)


def test_a_step_has_few_operations_per_variable():
    def count_operations(copies):
        held = [each for _ in range(copies) for each in variables()]
        optimizer = AveragedAdam(RATE, gradient_clip=1.0)
        optimizer.build(held)
        step = tf.function(lambda: optimizer.apply_gradients((tf.ones(each.shape), each) for each in held), autograph=False)
        return len(step.get_concrete_function().graph.get_operations())

    # Networks have hundreds of variables, most of them small: plain arithmetic has 37 operations each and takes twice as long.
    assert count_operations(2) - count_operations(1) <= 16 * len(SHAPES)


def test_weight_decay_is_decoupled_and_scaled_by_the_rate():
    config = default_config("regression").optimizer
    config.update({"learning_rate": 0.1, "learning_rate_ramp": 0, "weight_decay": 0.5, "ema_decay": 0.0, "beta_1": 0.9})
    variable = tf.Variable([2.0, -4.0])
    optimizer = config_optimizer(config)
    first, second = np.zeros(2), np.zeros(2)
    expected = variable.numpy().astype(np.float64)
    for step, gradient in enumerate(np.array([[1.0, 0.5], [-2.0, 0.25], [0.5, 0.5]]), 1):
        optimizer.apply_gradients([(tf.constant(gradient, tf.float32), variable)])
        # PyTorch's AdamW.
        expected *= 1 - 0.1 * 0.5
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        expected -= 0.1 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        np.testing.assert_allclose(variable, expected, rtol=1e-4)
    np.testing.assert_allclose(optimizer.averages[0], variable)


def test_the_average_is_that_of_its_equation():
    held, optimizer = variables(), AveragedAdam(RATE, average_decay=0.99)
    expected = [variable.numpy().astype(np.float64) for variable in held]
    for step in range(30):
        optimizer.apply_gradients(zip(gradients(step), held))
        decay = min(0.99, (1 + step) / (10 + step))
        expected = [decay * before + (1 - decay) * now.numpy() for before, now in zip(expected, held)]
    for variable, average, ours in zip(held, expected, optimizer.averages):
        np.testing.assert_allclose(ours, average, rtol=1e-4, atol=1e-6)
        assert np.abs(variable - average).max() > 1e-3


def test_weights_and_averages_change_places():
    optimizer = AveragedAdam(RATE, average_decay=0.99)
    held = run(optimizer, 3)
    weights, averages = ([each.numpy() for each in some] for some in (held, optimizer.averages))
    optimizer.use_averages(True)
    optimizer.use_averages(True)
    assert optimizer.averages_in_use
    assert all((now.numpy() == before).all() for now, before in zip([*held, *optimizer.averages], [*averages, *weights]))
    optimizer.use_averages(False)
    assert all((now.numpy() == before).all() for now, before in zip([*held, *optimizer.averages], [*weights, *averages]))


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_a_step_that_is_not_finite_changes_nothing(weight_decay, jit_compile):
    optimizer = AveragedAdam(RATE, weight_decay=weight_decay, average_decay=0.99)
    held = run(optimizer, 3, jit_compile)
    state = [*held, *optimizer.first_moments, *optimizer.second_moments, *optimizer.averages]
    before = [each.numpy() for each in state]

    @tf.function(jit_compile=jit_compile, autograph=False)
    def step(value):
        optimizer.apply_gradients((tf.fill(variable.shape, value), variable) for variable in held)

    for value in (np.nan, np.inf):
        step(tf.constant(value))
        assert int(optimizer.iterations) == 3
        assert all(now.numpy().tobytes() == values.tobytes() for now, values in zip(state, before))
    step(tf.constant(1.0))
    assert int(optimizer.iterations) == 4 and any((now.numpy() != values).any() for now, values in zip(state, before))


def test_variables_frozen_after_the_build_are_refused():
    optimizer, held = AveragedAdam(RATE), variables()
    optimizer.build(held)
    with pytest.raises(IcdpmError, match="was 3 in compile.* and is 2 now. Call compile"):
        optimizer.apply_gradients(zip(gradients(0)[1:], held[1:]))


@pytest.mark.parametrize("mirrored", [False, True])
def test_an_optimizer_of_other_variables_is_refused(mirrored):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"]) if mirrored else tf.distribute.get_strategy()
    with strategy.scope():
        optimizer, held, others = AveragedAdam(RATE), variables(), variables()
        optimizer.build(held)
    step = tf.function(lambda some: optimizer.apply_gradients(zip(gradients(0), some)), autograph=False)
    strategy.run(lambda: step(held))
    if mirrored:
        optimizer.build([each.values[0] for each in held])
    assert tf_variable(optimizer.iterations).numpy() == 1
    before = [each.numpy() for each in held]
    for use in (lambda: optimizer.build(others), lambda: strategy.run(lambda: step([*held[1:], others[0]]))):
        with pytest.raises(IcdpmError, match="belongs to another model"):
            use()
    assert all((now.numpy() == values).all() for now, values in zip(held, before))


def test_the_learning_rate_may_be_a_number_and_cannot_be_set():
    optimizer = AveragedAdam(0.01)
    held = run(optimizer, 2)
    constant = keras.optimizers.schedules.PiecewiseConstantDecay([9], [0.01, 0.01])
    for expected, value in zip(run(AveragedAdam(constant), 2), held):
        np.testing.assert_array_equal(expected, value)
    assert AveragedAdam.from_config(optimizer.get_config()).get_config() == optimizer.get_config()
    with pytest.raises(IcdpmError, match="cannot change the learning rate of the config's own optimizer"):
        optimizer.learning_rate = 1e-4
    assert float(optimizer.learning_rate) == pytest.approx(0.01)


def test_an_optimizer_comes_back_from_its_config():
    config = default_config("icdpm").optimizer
    config.update({"learning_rate_decay": (100, 200), "weight_decay": 0.1, "gradient_clip": 2.0})
    first = config_optimizer(config)
    second = AveragedAdam.from_config(first.get_config())
    assert second.get_config() == first.get_config()
    assert float(second.schedule(150)) == float(first.schedule(150)) > 0
