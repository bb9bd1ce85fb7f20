"""Forward process and parametrizations: inverses, and scales."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion.parametrizations import (
    NoisePrediction,
    PreconditionedEstimatePrediction,
    PreconditionedNoisePrediction,
    diffuse,
    predicted_image,
)

LEVELS = np.array([1e-4, 0.1, 0.5, 0.99, 0.9999], np.float64)[:, None, None, None]


def pair(sigma=0.13):
    rng = np.random.default_rng(0)
    blurry = rng.uniform(-1, 1, (5, 64, 64, 3))
    return blurry + sigma * rng.standard_normal(blurry.shape), blurry, rng.standard_normal(blurry.shape)


def test_the_image_follows_from_the_noise():
    sharp, _, noise = pair()
    np.testing.assert_allclose(predicted_image(diffuse(sharp, noise, LEVELS), noise, LEVELS), sharp, atol=1e-9)


@pytest.mark.parametrize(
    "parametrization",
    [NoisePrediction(), PreconditionedNoisePrediction(0.13), PreconditionedEstimatePrediction(0.13)],
)
def test_a_perfect_output_gives_the_sharp_image(parametrization):
    sharp, blurry, noise = pair()
    x = diffuse(sharp, noise, LEVELS)
    output = parametrization.target(sharp, blurry, noise, LEVELS)
    np.testing.assert_allclose(parametrization.image(output, x, blurry, LEVELS), sharp, atol=1e-9)


def test_preconditioning_gives_unit_variance_in_and_out():
    sharp, blurry, noise = pair()
    parametrization = PreconditionedNoisePrediction(0.13)
    x = diffuse(sharp, noise, LEVELS)
    seen = parametrization.network_input(x, blurry, LEVELS)
    target = parametrization.target(sharp, blurry, noise, LEVELS)
    for values in (seen, target):
        np.testing.assert_allclose(np.std(values, axis=(1, 2, 3)), 1.0, atol=0.03)
    # The best linear guess is already taken out: what is left does not correlate with the input.
    correlation = np.mean(np.asarray(seen) * np.asarray(target), axis=(1, 2, 3))
    np.testing.assert_allclose(correlation, 0.0, atol=0.03)


def test_an_output_of_zero_is_the_linear_guess():
    sharp, blurry, noise = pair()
    x = diffuse(sharp, noise, LEVELS)
    guess = PreconditionedNoisePrediction(0.13).image(tf.zeros_like(x), x, blurry, LEVELS).numpy()
    np.testing.assert_allclose(guess[0], blurry[0], atol=0.01)  # nearly all noise: the blurry image
    assert np.std(guess[-1] - sharp[-1]) < 0.012  # nearly no noise: the noisy image


def test_the_start_is_distributed_as_the_noisy_image():
    sharp, blurry, noise = pair()
    x = diffuse(sharp, noise, LEVELS)
    start = PreconditionedNoisePrediction(0.13).start(np.random.default_rng(1).standard_normal(noise.shape), blurry, LEVELS)
    for of in (np.mean, np.std):
        np.testing.assert_allclose(of(start - np.sqrt(LEVELS) * blurry, axis=(1, 2, 3)),
                                   of(x - np.sqrt(LEVELS) * blurry, axis=(1, 2, 3)), atol=0.03)  # fmt: skip
    assert NoisePrediction().start(noise, blurry, LEVELS) is noise


def test_the_estimate_is_the_best_linear_guess_of_the_residual():
    sharp, blurry, noise = pair()
    residual = (sharp - blurry) / 0.13
    guess = PreconditionedEstimatePrediction(0.13).network_input(diffuse(sharp, noise, LEVELS), blurry, LEVELS).numpy()
    for true, guessed, gamma in zip(residual, guess, LEVELS.ravel()):
        # What a least-squares guess leaves is orthogonal to it.
        assert np.mean((true - guessed) * guessed) == pytest.approx(0, abs=0.02)
        assert np.mean(guessed**2) == pytest.approx(gamma * 0.13**2 / (gamma * 0.13**2 + 1 - gamma), rel=0.05)
