"""The loop of exported graphs takes the steps of `draw`."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion.choices import SAMPLERS
from icdpm.diffusion.loops import follow, follow_in_graph
from icdpm.diffusion.random import normal
from icdpm.diffusion.samplers import make_plan


@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_gives_the_same_numbers(sampler, steps):
    plan = make_plan(sampler, steps, 0.9)
    start = tf.constant(np.random.default_rng(0).normal(size=[2, 3, 4, 3]), tf.float32)

    def denoise(x, gamma):
        return tf.tanh(x * tf.cast(gamma, tf.float32) + 0.1)

    def noise(step):
        return normal(tf.stack([3, tf.cast(step, tf.int64)]), [2, 3, 4, 3])

    in_graph = tf.function(lambda: follow_in_graph(denoise, start, noise, plan))()
    np.testing.assert_array_equal(in_graph, follow(denoise, start, noise, plan))


def test_a_network_that_loses_the_number_of_images_is_followed_in_graphs():
    plan = make_plan("ddim", 3, 0.9)
    guide = tf.ones([1, 1, 1, 1])
    shape = [tf.TensorSpec([None, 1, 1, 1])]

    @tf.function(input_signature=shape)
    def guided(guide):
        return follow_in_graph(lambda x, gamma: 0.5 * x * guide, tf.ones([1, 4, 4, 3]), None, plan)

    assert guided(guide).shape == (1, 4, 4, 3)
