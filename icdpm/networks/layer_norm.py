"""Layer normalisation over channels (Ba et al., 2016)."""

import tensorflow as tf

_EPSILON = 1e-5


class LayerNorm(tf.keras.layers.Layer):
    """(x − mean)/√(variance + 1e-5) over the last axis, times a weight, plus a bias.

    Of any shape [..., channels]. Computed in float32; the result has the policy's compute type.
    """

    def build(self, input_shape):
        self.scale = self.add_weight("scale", [input_shape[-1]], initializer="ones", experimental_autocast=False)
        self.bias = self.add_weight("bias", [input_shape[-1]], initializer="zeros", experimental_autocast=False)
        super().build(input_shape)

    def call(self, x):
        """float [..., channels] → the same shape."""
        x = tf.cast(x, tf.float32)
        mean = tf.reduce_mean(x, axis=-1, keepdims=True)
        centred = x - mean
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        normalised = centred * tf.math.rsqrt(variance + _EPSILON)
        return tf.cast(normalised * self.scale + self.bias, self.compute_dtype)
