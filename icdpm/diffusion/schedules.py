"""Noise schedules: step variances β, signal levels γ, and the distribution of γ in training.

Schedules are computed in float64: the first variances are close to the resolution of float32 at one, and up to 2000 factors are
multiplied.
"""

from __future__ import annotations

import tensorflow as tf

from icdpm.diffusion import MIN_NOISE_VARIANCE


def linear_betas(steps: int, start: float, end: float) -> tf.Tensor:
    """Returns step variances β_1 … β_T that increase linearly from `start` to `end`, float64 [steps]."""
    return tf.linspace(tf.constant(start, tf.float64), tf.constant(end, tf.float64), steps)


def quadratic_betas(steps: int, start: float, end: float) -> tf.Tensor:
    """Returns step variances β_1 … β_T whose roots increase linearly, from √`start` to √`end`, float64 [steps]."""
    return linear_betas(steps, start**0.5, end**0.5) ** 2


def signal_levels(betas: tf.Tensor) -> tf.Tensor:
    """Returns γ_0 … γ_T with γ_0 = 1 and γ_t = Π_{s≤t} (1 − β_s), float64 [steps + 1], decreasing."""
    return tf.math.cumprod(1.0 - tf.concat([tf.zeros([1], tf.float64), betas], axis=0))


def linear_beta(steps: int, max_noise_variance: float, min_noise_variance: float = 1e-6) -> tf.Tensor:
    """Returns the signal levels of the paper's inference schedule (arXiv 2212.01789, §C.2), with linearly increasing variances.

    Args:
      steps: T, the number of network evaluations.
      max_noise_variance: 1 − α_T, the variance of the last step, which is the largest.
      min_noise_variance: the variance of the first step.

    Returns:
      γ_0 … γ_T, float64 [steps + 1]. Samplers start at γ_T from pure noise, which is valid for small γ_T: Table 10 of the paper
      keeps the settings with 1e-30 < γ_T < 1e-2.
    """
    if steps == 1:
        return signal_levels(tf.constant([max_noise_variance], tf.float64))
    return signal_levels(linear_betas(steps, min_noise_variance, max_noise_variance))


def log_snr(steps: int, max_noise_variance: float, min_noise_variance: float = MIN_NOISE_VARIANCE) -> tf.Tensor:
    """Returns signal levels for few steps, uniform in λ = ln(√γ/√(1−γ)) as in DPM-Solver (Lu et al. 2022).

    The last step, to γ_0 = 1 and λ = ∞, returns x̂_1.

    Args:
      steps: T, the number of network evaluations.
      max_noise_variance: 1 − γ_T, the noise variance at the start.
      min_noise_variance: 1 − γ_1, the noise variance of the last evaluation; smaller than `max_noise_variance`.

    Returns:
      γ_0 … γ_T, float64 [steps + 1], decreasing. With one step, γ_1 = 1 − max_noise_variance.
    """
    end, start = log_snr_of(1.0 - tf.constant([min_noise_variance, max_noise_variance], tf.float64))
    gammas = tf.sigmoid(2.0 * tf.linspace(start, end, steps))
    return tf.concat([tf.ones([1], tf.float64), gammas[::-1]], axis=0)


def log_snr_of(gammas: tf.Tensor) -> tf.Tensor:
    """Returns λ = ln(√γ/√(1−γ)), half the logarithm of the signal-to-noise ratio; ∞ at γ = 1."""
    return 0.5 * (tf.math.log(gammas) - tf.math.log1p(-gammas))


def piecewise_uniform(gammas: tf.Tensor, step_uniform: tf.Tensor, level_uniform: tf.Tensor) -> tf.Tensor:
    """Samples continuous signal levels of training from p(γ) (WaveGrad, Chen et al., 2020; SR3, Saharia et al., 2021).

    t ~ U{1 … T}, then γ ~ U(γ_{t−1}, γ_t): the density is positive between 1 and γ_T and follows the training schedule.

    Args:
      gammas: γ_0 … γ_T of the training schedule, float64 [T + 1].
      step_uniform: uniform numbers in [0, 1) that choose t, float32 of any shape.
      level_uniform: uniform numbers in [0, 1) that choose γ between γ_{t−1} and γ_t, float32 of the same shape.

    Returns:
      γ, float32 of that shape.
    """
    steps = gammas.shape[0] - 1
    t = tf.minimum(tf.cast(step_uniform * steps, tf.int32), steps - 1)
    upper, lower = tf.gather(gammas, t), tf.gather(gammas, t + 1)
    return tf.cast(lower + (upper - lower) * tf.cast(level_uniform, tf.float64), tf.float32)
