"""The loop of exported graphs takes the steps of the loop in Python; the chain of posterior means."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion import SAMPLERS
from icdpm.diffusion.random import normal
from icdpm.diffusion.samplers import make_sampling_schedule
from icdpm.diffusion.sampling_loops import PosteriorMeanChain, run_sampling_loop, run_sampling_loop_in_graph
from icdpm.diffusion.schedules import linear_betas


@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_gives_the_same_numbers(sampler, steps):
    schedule = make_sampling_schedule(sampler, steps, 0.9)
    start = tf.constant(np.random.default_rng(0).normal(size=[2, 3, 4, 3]), tf.float32)

    def denoise(x, gamma):
        return tf.tanh(x * tf.cast(gamma, tf.float32) + 0.1)

    def noise(step):
        return normal(tf.stack([3, tf.cast(step, tf.int64)]), [2, 3, 4, 3])

    in_graph = tf.function(lambda: run_sampling_loop_in_graph(denoise, start, noise, schedule))()
    np.testing.assert_array_equal(in_graph, run_sampling_loop(denoise, start, noise, schedule))


def test_a_network_that_loses_the_static_batch_size_works_in_graphs():
    schedule = make_sampling_schedule("ddim", 3, 0.9)
    guide = tf.ones([1, 1, 1, 1])
    shape = [tf.TensorSpec([None, 1, 1, 1])]

    @tf.function(input_signature=shape)
    def guided(guide):
        return run_sampling_loop_in_graph(lambda x, gamma: 0.5 * x * guide, tf.ones([1, 4, 4, 3]), None, schedule)

    assert guided(guide).shape == (1, 4, 4, 3)


@pytest.mark.parametrize("predicts", ["noise", "image"])
def test_a_perfect_network_returns_the_image(predicts):
    chain = PosteriorMeanChain(linear_betas(8, 0.1, 0.9), predicts)
    rng = np.random.default_rng(0)
    image = tf.constant(rng.uniform(-0.9, 0.9, [2, 4, 3]), tf.float32)
    gammas = np.cumprod([1.0, *(1.0 - linear_betas(8, 0.1, 0.9).numpy())])
    seen = []

    def network(x, t):
        seen.append(t)
        return image if predicts == "image" else (x - gammas[t] ** 0.5 * image) / (1.0 - gammas[t]) ** 0.5

    start = chain.diffuse(image, tf.constant(rng.standard_normal([2, 4, 3]), tf.float32))
    np.testing.assert_allclose(chain.sample(network, start), image, atol=1e-4)
    assert seen == list(range(8, 0, -1))


def test_chain_means_equal_those_of_ddpm():
    betas = np.array([0.1, 0.5])
    chain = PosteriorMeanChain(tf.constant(betas), "image")
    x, images = tf.constant([2.0]), {2: 0.5, 1: -0.25}
    gamma_1, gamma_2 = 0.9, 0.45
    # Ho et al. 2020, eq. 7.
    mean = (gamma_1**0.5 * 0.5 * images[2] + 0.5**0.5 * (1 - gamma_1) * 2.0) / (1 - gamma_2)
    seen = []
    result = chain.sample(lambda x, t: seen.append(float(x[0])) or tf.constant([images[t]]), x)
    assert seen == pytest.approx([2.0, mean], rel=1e-6) and float(result[0]) == pytest.approx(images[1])


def test_gradients_go_through_all_steps_of_the_chain():
    chain, weight = PosteriorMeanChain(linear_betas(4, 0.1, 0.9), "image"), tf.Variable(0.5)
    with tf.GradientTape() as tape:
        result = tf.reduce_sum(chain.sample(lambda x, t: weight * x, tf.ones([1, 2, 2])))
    assert float(tape.gradient(result, weight)) > 0.5
