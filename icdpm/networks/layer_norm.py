"""Layer normalisation over channels (Ba et al., arXiv 1607.06450); of one the backward pass is fast in bfloat16 too."""

import tensorflow as tf

from icdpm.keras import add_float32_weight, keras

_EPSILON = 1e-6


def _normalized(x32, epsilon=_EPSILON):
    """(x − mean)/√(variance + ε) over the last axis, and 1/√(variance + ε); float32."""
    centred = x32 - tf.reduce_mean(x32, axis=-1, keepdims=True)
    scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True) + epsilon)
    return centred * scale, scale


@tf.function(jit_compile=True, autograph=False)
def _layer_norm_gradient(x, upstream):
    """scale·(u − mean(u) − n·mean(u·n)), with n the normalised x, as one fused kernel computed in float32."""
    normalized, scale = _normalized(tf.cast(x, tf.float32))
    upstream = tf.cast(upstream, tf.float32)
    mean = tf.reduce_mean(upstream, axis=-1, keepdims=True)
    share = tf.reduce_mean(upstream * normalized, axis=-1, keepdims=True)
    return tf.cast(scale * (upstream - mean - normalized * share), x.dtype)


@tf.custom_gradient
def layer_norm(x):
    """Zero mean and unit variance over the channels of every pixel; any shape, any float dtype.

    No factor and no offset a channel: a 1×1 convolution that follows learns both. Statistics are taken in float32, and the
    backward, which stock TensorFlow runs as a chain of element-wise kernels, is compiled into one.
    """

    def gradient(upstream):
        return _layer_norm_gradient(x, upstream)

    return tf.cast(_normalized(tf.cast(x, tf.float32))[0], x.dtype), gradient


class LayerNorm(keras.layers.Layer):
    """(x − mean)/√(variance + 1e-5) over the last axis, times a weight, plus a bias.

    Of any shape [..., channels]. Computed in float32; the result has the policy's compute type.
    """

    def build(self, input_shape):
        self.scale = add_float32_weight(self, "scale", [input_shape[-1]], "ones")
        self.bias = add_float32_weight(self, "bias", [input_shape[-1]], "zeros")
        super().build(input_shape)

    def call(self, x):
        """float [..., channels] → the same shape."""
        normalized, _ = _normalized(tf.cast(x, tf.float32), 1e-5)
        return tf.cast(normalized * self.scale + self.bias, self.compute_dtype)
