"""The NAF block (Chen et al., "Simple Baselines for Image Restoration", arXiv 2204.04676), told of noise level and guidance."""

import tensorflow as tf

from icdpm.keras import add_float32_weight, keras
from icdpm.networks.layer_norm import layer_norm
from icdpm.networks.layers import Block, Normal, VarianceScaling, convolution, dense, depthwise_convolution


@tf.custom_gradient
def simple_gate(x):
    """The product of both halves of the channels: [..., 2·channels] → [..., channels] (eq. 4).

    Slices, and a gradient that joins its halves itself: stock TensorFlow pads each to the whole and adds both.
    """
    width = x.shape[-1] // 2
    first, second = x[..., :width], x[..., width:]

    def gradient(upstream):
        return tf.concat([upstream * second, upstream * first], axis=-1)

    return first * second, gradient


class ScaledProjection(keras.layers.Layer):
    """A 1×1 convolution with bias and a learned scale for each of its outputs: what a branch adds to its block's skip.

    The kernel is scaled rather than the output, which costs nothing at any resolution.

    Args:
      filters: number of outputs.
      dtype: Keras policy.
      zero: whether the scales start at zero, else at one.
    """

    def __init__(self, filters, dtype, name, zero):
        super().__init__(name=name, dtype=dtype)
        self.filters = filters
        self.zero = zero

    def build(self, input_shape):
        self.kernel = add_float32_weight(self, "kernel", [1, 1, input_shape[-1], self.filters], VarianceScaling())
        self.bias = add_float32_weight(self, "bias", [self.filters], "zeros")
        self.scale = add_float32_weight(self, "scale", [self.filters], "zeros" if self.zero else "ones")
        super().build(input_shape)

    def call(self, x):
        """[batch, height, width, any] → [batch, height, width, filters]."""
        kernel, bias = (tf.cast(each * self.scale, self.compute_dtype) for each in (self.kernel, self.bias))
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, strides=1, padding="SAME"), bias)


class NAFBlock(Block):
    """Two branches, each added to what came before it and of the same width.

    Layer norm, (+ Dense(noise embedding)), (+ 3×3 conv(guidance)), 1×1 conv to twice the width, depthwise 3×3 conv, gate,
    (dropout), scaled 1×1 conv; then layer norm, 1×1 conv to twice the width, gate, (dropout), scaled 1×1 conv.

    Without the paper's channel attention: a mean over the whole picture would make a tile's result depend on all others.

    Args:
      filters: width of input and output.
      dtype: Keras policy.
      embedded: whether the block receives a noise-level embedding.
      guided: whether the block has a 3×3 convolution of its own for the guidance features. Without one, `guidance` is added
        as it is: the output of a projection that blocks share.
      dropout: rate of the dropout in both branches; active only where a seed is given.
      zero_last: whether the scales of both branches start at zero, so that the block starts as its skip.
    """

    receptive_field_radius = 1  # pixels to each side that an output depends on

    def __init__(self, filters, dtype, name, *, embedded=False, guided=False, dropout=0.0, zero_last=True):
        super().__init__(name=name, dtype=dtype)
        self.filters = filters
        self.dropout = dropout
        self.embedding = dense(filters, dtype, "embedding") if embedded else None
        self.guidance = convolution(filters, 3, dtype, "guidance") if guided else None
        self.expansion_1 = convolution(2 * filters, 1, dtype, "expansion_1")
        # An output sees nine inputs; Keras' own initial values would be made for nine times as many as there are channels.
        self.depthwise = depthwise_convolution(3, dtype, "depthwise", initializer=Normal(stddev=1 / 3))
        self.projection_1 = ScaledProjection(filters, dtype, "projection_1", zero_last)
        self.expansion_2 = convolution(2 * filters, 1, dtype, "expansion_2")
        self.projection_2 = ScaledProjection(filters, dtype, "projection_2", zero_last)

    def call(self, x, embedding=None, guidance=None, dropout_seed=None):
        """x [batch, height, width, filters], embedding [batch, width], guidance [batch, height, width, its channels], which
        are `filters` where the block is not `guided`; None: no guidance.

        `dropout_seed` is a stateless seed (int32 [2]); None switches dropout off.
        """
        features = layer_norm(x)
        if self.embedding is not None:
            features += self.embedding(embedding)[:, None, None, :]
        if guidance is not None:
            features += guidance if self.guidance is None else self.guidance(guidance)
        features = simple_gate(self.depthwise(self.expansion_1(features)))
        x += self.projection_1(self._dropped(features, dropout_seed, 1))
        features = simple_gate(self.expansion_2(layer_norm(x)))
        return x + self.projection_2(self._dropped(features, dropout_seed, 2))

    def _dropped(self, features, seed, branch):
        if not self.dropout or seed is None:
            return features
        seed = tf.random.experimental.stateless_fold_in(seed, branch)
        return tf.nn.experimental.stateless_dropout(features, self.dropout, seed)
