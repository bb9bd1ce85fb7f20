"""p_γ: the distribution of signal levels that training draws from."""

import tensorflow as tf


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
