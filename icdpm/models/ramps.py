"""Values that grow linearly over the first steps of a training run."""

import tensorflow as tf


def linear_ramp(step, ramp_steps):
    """min(step / ramp_steps, 1) as a float32 scalar; 1 from the start where `ramp_steps` is 0."""
    if ramp_steps == 0:
        return tf.constant(1.0)
    return tf.minimum(tf.cast(step, tf.float32) / ramp_steps, 1.0)
