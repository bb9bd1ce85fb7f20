"""The chain of posterior means."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion.mean_chain import MeanChain
from icdpm.diffusion.schedules import linear_betas, quadratic_betas


def test_quadratic_betas_have_linear_roots():
    np.testing.assert_allclose(np.sqrt(quadratic_betas(5, 0.04, 0.64)), [0.2, 0.35, 0.5, 0.65, 0.8])


@pytest.mark.parametrize("predicts", ["noise", "image"])
def test_one_who_knows_the_image_gets_it_back(predicts):
    chain = MeanChain(linear_betas(8, 0.1, 0.9), predicts)
    rng = np.random.default_rng(0)
    image = tf.constant(rng.uniform(-0.9, 0.9, [2, 4, 3]), tf.float32)
    gammas = np.cumprod([1.0, *(1.0 - linear_betas(8, 0.1, 0.9).numpy())])
    seen = []

    def network(x, t):
        seen.append(t)
        return image if predicts == "image" else (x - gammas[t] ** 0.5 * image) / (1.0 - gammas[t]) ** 0.5

    start = chain.diffused(image, tf.constant(rng.standard_normal([2, 4, 3]), tf.float32))
    np.testing.assert_allclose(chain.follow(network, start), image, atol=1e-4)
    assert seen == list(range(8, 0, -1))


def test_the_means_are_those_of_ddpm():
    betas = np.array([0.1, 0.5])
    chain = MeanChain(tf.constant(betas), "image")
    x, images = tf.constant([2.0]), {2: 0.5, 1: -0.25}
    gamma_1, gamma_2 = 0.9, 0.45
    # Ho et al. 2020, eq. 7.
    mean = (gamma_1**0.5 * 0.5 * images[2] + 0.5**0.5 * (1 - gamma_1) * 2.0) / (1 - gamma_2)
    seen = []
    result = chain.follow(lambda x, t: seen.append(float(x[0])) or tf.constant([images[t]]), x)
    assert seen == pytest.approx([2.0, mean], rel=1e-6) and float(result[0]) == pytest.approx(images[1])


def test_gradients_go_through_all_steps():
    chain, weight = MeanChain(linear_betas(4, 0.1, 0.9), "image"), tf.Variable(0.5)
    with tf.GradientTape() as tape:
        result = tf.reduce_sum(chain.follow(lambda x, t: weight * x, tf.ones([1, 2, 2])))
    assert float(tape.gradient(result, weight)) > 0.5
