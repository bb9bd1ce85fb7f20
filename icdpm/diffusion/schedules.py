"""Noise schedules: step variances β and the signal levels γ that follow from them.

All in float64: the first variances are near float32's resolution at one, and up to 2000 factors are multiplied.
"""

import tensorflow as tf


def linear_betas(steps, start, end):
    """β_1 … β_T: `steps` variances that grow linearly from `start` to `end`, float64 [steps]."""
    return tf.linspace(tf.constant(start, tf.float64), tf.constant(end, tf.float64), steps)


def signal_levels(betas):
    """γ_0 … γ_T with γ_0 = 1 and γ_t = Π_{s≤t} (1 − β_s); float64 [steps + 1], decreasing."""
    return tf.math.cumprod(1.0 - tf.concat([tf.zeros([1], tf.float64), betas], axis=0))


def inference_levels(steps, max_noise_variance, min_noise_variance=1e-6):
    """Signal levels γ_0 … γ_T of an inference schedule (arXiv 2212.01789, §C.2).

    Args:
      steps: T, the number of network evaluations.
      max_noise_variance: 1 − α_T, the largest step variance; β grows linearly up to it.
      min_noise_variance: the first step's variance.

    Returns:
      float64 [steps + 1]. The sampler starts at γ_T, which must be small for the start from pure noise to be right:
      Table 10 of the paper keeps the settings with 1e-30 < γ_T < 1e-2.
    """
    if steps == 1:
        return signal_levels(tf.constant([max_noise_variance], tf.float64))
    return signal_levels(linear_betas(steps, min_noise_variance, max_noise_variance))
