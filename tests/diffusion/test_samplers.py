"""Ancestral sampling against closed forms: a Gaussian, whose optimal denoiser is known."""

import numpy as np
import tensorflow as tf

from icdpm.diffusion import random
from icdpm.diffusion.samplers import ancestral, draw, make_plan
from icdpm.diffusion.schedules import inference_levels

MEAN, STD = 0.3, 0.4


def optimal_denoiser(x, gamma):
    """E[x | x_γ] for x ~ N(MEAN, STD²)."""
    gamma = tf.cast(gamma, x.dtype)
    gain = tf.sqrt(gamma) * STD**2 / (gamma * STD**2 + 1.0 - gamma)
    return MEAN + gain * (x - tf.sqrt(gamma) * MEAN)


def exact_moments(gammas):
    """Mean and variance of what ancestral sampling draws: every step is affine in x, so both follow by recursion."""
    mean, variance = 0.0, 1.0
    for t in range(len(gammas) - 1, 0, -1):
        gamma, after = gammas[t], gammas[t - 1]
        gain = np.sqrt(gamma) * STD**2 / (gamma * STD**2 + 1 - gamma)
        beta = 1 - gamma / after
        on_image, on_x = np.sqrt(after) * beta / (1 - gamma), np.sqrt(gamma / after) * (1 - after) / (1 - gamma)
        slope = on_image * gain + on_x
        mean = slope * mean + on_image * (1 - gain * np.sqrt(gamma)) * MEAN
        variance = slope**2 * variance + beta * (1 - after) / (1 - gamma)
    return mean, variance


def sampled(plan, count):
    seeds = random.example_seeds([0, 0], tf.range(1, dtype=tf.int64))
    noise = lambda step: random.normal_each(random.fold_in(seeds, step), [count])  # noqa: E731
    return draw(optimal_denoiser, noise(plan.steps), noise, plan).numpy()


def test_posterior_step_is_bayes_rule():
    """q(x_{t−1} | x_t, x) from the product of the two Gaussians q(x_t | x_{t−1}) and q(x_{t−1} | x)."""
    x_t, x, gamma, after = 0.7, -0.2, 0.3, 0.55
    alpha = gamma / after
    precision = alpha / (1 - alpha) + 1 / (1 - after)
    mean = (np.sqrt(alpha) * x_t / (1 - alpha) + np.sqrt(after) * x / (1 - after)) / precision
    on_x, on_image, _, on_noise = ancestral(tf.constant([1.0, after, gamma], tf.float64))[1].numpy()
    np.testing.assert_allclose(on_x * x_t + on_image * x, mean, rtol=1e-12)
    np.testing.assert_allclose(on_noise, 1 / np.sqrt(precision), rtol=1e-12)


def test_last_step_gives_the_denoised_image():
    np.testing.assert_array_equal(ancestral(tf.constant([1.0, 0.8], tf.float64)), [[0, 1, 0, 0]])


def test_sampler_draws_its_exact_mean_and_variance():
    count = 400_000
    for steps, max_noise_variance in [(20, 0.5), (50, 0.2)]:
        plan = make_plan("ancestral", steps, max_noise_variance)
        samples = sampled(plan, count)
        mean, variance = exact_moments(plan.gammas.numpy())
        np.testing.assert_allclose(samples.mean(), mean, atol=5 * np.sqrt(variance / count))
        np.testing.assert_allclose(samples.var(), variance, rtol=5 * np.sqrt(2 / count))


def test_exact_moments_converge_to_the_data():
    errors = []
    for steps, max_noise_variance in [(50, 0.2), (100, 0.1), (1000, 0.01)]:
        mean, variance = exact_moments(inference_levels(steps, max_noise_variance).numpy())
        errors.append(abs(variance - STD**2))
        assert abs(mean - MEAN) < 0.01
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.003


def test_a_sampler_is_a_function_of_its_arguments():
    plan = make_plan("ancestral", 20, 0.5)
    np.testing.assert_array_equal(sampled(plan, 100), sampled(plan, 100))
