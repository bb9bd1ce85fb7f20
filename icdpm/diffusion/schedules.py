"""Noise schedules: step variances β and the signal levels γ that follow from them.

All in float64: the first variances are near float32's resolution at one, and up to 2000 factors are multiplied.
"""

import tensorflow as tf

from icdpm.diffusion import MIN_NOISE_VARIANCE


def linear_betas(steps, start, end):
    """β_1 … β_T: `steps` variances that grow linearly from `start` to `end`, float64 [steps]."""
    return tf.linspace(tf.constant(start, tf.float64), tf.constant(end, tf.float64), steps)


def quadratic_betas(steps, start, end):
    """β_1 … β_T whose roots grow linearly, from √`start` to √`end`, float64 [steps]."""
    return linear_betas(steps, start**0.5, end**0.5) ** 2


def signal_levels(betas):
    """γ_0 … γ_T with γ_0 = 1 and γ_t = Π_{s≤t} (1 − β_s); float64 [steps + 1], decreasing."""
    return tf.math.cumprod(1.0 - tf.concat([tf.zeros([1], tf.float64), betas], axis=0))


def linear_beta(steps, max_noise_variance, min_noise_variance=1e-6):
    """Signal levels γ_0 … γ_T of the paper's inference schedule (arXiv 2212.01789, §C.2): step variances that grow linearly.

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


def log_snr(steps, max_noise_variance, min_noise_variance=MIN_NOISE_VARIANCE):
    """Signal levels γ_0 … γ_T for few steps: γ_1 … γ_T uniform in λ = ln(√γ/√(1−γ)), as DPM-Solver (Lu et al. 2022) takes
    them. The last step, to γ_0 = 1 and λ = ∞, gives x̂_1.

    Args:
      steps: T, the number of network evaluations.
      max_noise_variance: 1 − γ_T, the noise variance of the start.
      min_noise_variance: 1 − γ_1, the noise variance of the last evaluation; smaller than `max_noise_variance`.

    Returns:
      float64 [steps + 1], decreasing. With one step it is the start that counts: γ_1 = 1 − max_noise_variance.
    """
    end, start = log_snr_of(1.0 - tf.constant([min_noise_variance, max_noise_variance], tf.float64))
    gammas = tf.sigmoid(2.0 * tf.linspace(start, end, steps))
    return tf.concat([tf.ones([1], tf.float64), gammas[::-1]], axis=0)


def log_snr_of(gammas):
    """λ = ln(√γ/√(1−γ)), half the logarithm of the ratio of signal to noise; ∞ at γ = 1."""
    return 0.5 * (tf.math.log(gammas) - tf.math.log1p(-gammas))


def piecewise_uniform(gammas, step_draw, level_draw):
    """Continuous signal levels, as WaveGrad (Chen et al., 2020) and SR3 (Saharia et al., 2021) draw them.

    t ~ U{1 … T}, then γ ~ U(γ_{t−1}, γ_t): every level between 1 and γ_T has density, and levels are as frequent as
    the training schedule passes through them.

    Args:
      gammas: γ_0 … γ_T of the training schedule, float64 [T + 1].
      step_draw, level_draw: independent uniform numbers in [0, 1), float32, of one shape.

    Returns:
      γ, float32, of that shape.
    """
    steps = gammas.shape[0] - 1
    t = tf.minimum(tf.cast(step_draw * steps, tf.int32), steps - 1)
    upper, lower = tf.gather(gammas, t), tf.gather(gammas, t + 1)
    return tf.cast(lower + (upper - lower) * tf.cast(level_draw, tf.float64), tf.float32)
