"""Schedules against their definitions and the paper's Table 10, and p(γ) of training."""

import numpy as np
import tensorflow as tf

from icdpm.diffusion.schedules import (
    linear_beta,
    linear_betas,
    log_snr,
    log_snr_of,
    piecewise_uniform,
    quadratic_betas,
    signal_levels,
)


def test_signal_levels_are_products_of_one_minus_beta():
    levels = signal_levels(linear_betas(4, 0.1, 0.4)).numpy()
    np.testing.assert_allclose(levels, [1.0, 0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7, 0.9 * 0.8 * 0.7 * 0.6], rtol=1e-12)


def test_training_schedule_ends_in_noise():
    levels = signal_levels(linear_betas(2000, 1e-6, 1e-2)).numpy()
    assert len(levels) == 2001 and levels[0] == 1.0 and (np.diff(levels) < 0).all()
    expected = np.exp(np.log1p(-np.linspace(1e-6, 1e-2, 2000)).sum())
    np.testing.assert_allclose(levels[-1], expected, rtol=1e-9)


def test_table_10_keeps_the_settings_that_end_in_noise():
    """Row counts of Table 10 (1, 1, 2, 3, 4, 4, 4) by the rule 1e-30 < γ_T < 1e-2."""
    variances = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    kept = {
        steps: [v for v in variances if 1e-30 < float(linear_beta(steps, v)[-1]) < 1e-2]
        for steps in (20, 30, 50, 100, 200, 500, 1000)
    }
    assert [len(row) for row in kept.values()] == [1, 1, 2, 3, 4, 4, 4]
    assert kept[20] == [0.5] and kept[1000] == [0.01, 0.02, 0.05, 0.1]


def test_one_step_schedule():
    np.testing.assert_allclose(linear_beta(1, 0.9), [1.0, 0.1], rtol=1e-12)


def test_log_snr_are_even_between_their_ends():
    levels = log_snr(9, 0.99, 1e-3).numpy()
    assert len(levels) == 10 and levels[0] == 1.0
    np.testing.assert_allclose(1.0 - levels[[1, -1]], [1e-3, 0.99], rtol=1e-12)
    np.testing.assert_allclose(np.diff(log_snr_of(levels[1:]), 2), 0.0, atol=1e-12)
    assert log_snr_of(tf.constant(0.5, tf.float64)) == 0.0
    np.testing.assert_allclose(log_snr(1, 0.9), [1.0, 0.1], rtol=1e-12)


def test_p_gamma_is_uniform_between_the_levels_of_a_uniform_step():
    gammas = signal_levels(linear_betas(5, 0.1, 0.6)).numpy()
    numbers = np.random.default_rng(0).random((2, 200_000), np.float32)
    gamma = piecewise_uniform(tf.constant(gammas), *numbers).numpy()
    counts, _ = np.histogram(gamma, bins=gammas[::-1])
    np.testing.assert_allclose(counts / len(gamma), 1 / 5, atol=0.005)
    # Kolmogorov–Smirnov distance to the piecewise linear distribution function.
    ordered = np.sort(gamma)
    exact = np.interp(ordered, gammas[::-1], np.linspace(0, 1, 6))
    assert np.abs(exact - np.arange(len(ordered)) / len(ordered)).max() < 0.004


def test_p_gamma_reaches_the_ends_and_no_further():
    gammas = tf.constant(signal_levels(linear_betas(5, 0.1, 0.6)))
    below_one = np.nextafter(np.float32(1), np.float32(0))
    ends = piecewise_uniform(gammas, tf.constant([0.0, below_one]), tf.constant([below_one, 0.0])).numpy()
    np.testing.assert_allclose(ends, [1.0, gammas[-1]], rtol=1e-6)


def test_quadratic_betas_have_linear_roots():
    np.testing.assert_allclose(np.sqrt(quadratic_betas(5, 0.04, 0.64)), [0.2, 0.35, 0.5, 0.65, 0.8])
