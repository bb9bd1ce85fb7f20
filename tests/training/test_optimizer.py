"""The learning rate, and the two optimisers."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.systems.config import default_config
from icdpm.training.optimizer import LearningRate, make_optimizer


@pytest.mark.parametrize("step, rate", [(0, 0), (5, 0.01), (10, 0.02), (100, 0.02), (125, 0.01), (150, 0), (200, 0)])
def test_the_rate_ramps_up_and_decays(step, rate):
    assert float(LearningRate(0.02, 10, (100, 150))(step)) == pytest.approx(rate)


def test_the_papers_rate_stays():
    assert [float(LearningRate(1e-4, 20_000)(step)) for step in (10_000, 20_000, 10**6)] == pytest.approx([5e-5, 1e-4, 1e-4])


@pytest.mark.parametrize("step, left", [(0, 1), (100, 1), (150, 0.5 + 0.5**1.5), (200, 0.5), (300, 0), (400, 0)])
def test_a_cosine_ends_where_it_is_told(step, left):
    rate = LearningRate(2e-4, 0, (100, 300), 1e-6, "cosine")(step)
    assert float(rate) == pytest.approx(1e-6 + (2e-4 - 1e-6) * left, rel=1e-5)


def test_weight_decay_is_decoupled_and_scaled_by_the_rate():
    config = default_config("regression").optimizer
    config.update({"learning_rate": 0.1, "learning_rate_ramp": 0, "weight_decay": 0.5, "ema_decay": 0.0, "beta_1": 0.9})
    variable = tf.Variable([2.0, -4.0])
    optimizer = make_optimizer(config, [variable])
    first, second = np.zeros(2), np.zeros(2)
    expected = variable.numpy().astype(np.float64)
    for step, gradient in enumerate(np.array([[1.0, 0.5], [-2.0, 0.25], [0.5, 0.5]]), 1):
        optimizer.apply([tf.constant(gradient, tf.float32)], [variable])
        # PyTorch's AdamW.
        expected *= 1 - 0.1 * 0.5
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        expected -= 0.1 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        np.testing.assert_allclose(variable, expected, rtol=1e-4)
    np.testing.assert_allclose(optimizer.get_slot(variable, "average"), variable)
