"""Multi-Dconv head transposed attention (MDTA; Zamir et al., *Restormer*, CVPR 2022, eq. 1)."""

import tensorflow as tf

from icdpm.keras import add_float32_weight
from icdpm.networks.layers import Block
from icdpm.networks.linear_maps import convolution, depthwise_convolution
from icdpm.networks.modulation import PriorModulation

# Of the norms that queries and keys are divided by.
_SMALLEST_NORM = 1e-12


class TransposedAttention(Block):
    """Attention of channels to channels: its map is channels × channels, however many pixels there are.

    Queries, keys and values are 1×1 convolutions followed by 3×3 depthwise ones. Every channel of queries and keys, over all
    pixels of the picture, is divided by its norm; the softmax of their products times a trained temperature weighs the values.

    Args:
      channels: of input and output.
      heads: groups of channels that attend to each other; a divisor of `channels`.
      dtype: Keras policy. Norms and softmax are computed in float32.
      modulated: whether it is told of the prior by `PriorModulation`.
      zero_last: whether its last convolution starts at zero.
    """

    def __init__(self, channels, heads, dtype, *, modulated=False, zero_last=False, name="attention"):
        super().__init__(name=name, dtype=dtype)
        self.channels = channels
        self.heads = heads
        self.modulation = PriorModulation(channels, dtype) if modulated else None
        self.query_key_value = convolution(3 * channels, 1, dtype, "query_key_value")
        self.depthwise = depthwise_convolution(3, dtype, "depthwise")
        self.project_out = convolution(channels, 1, dtype, "project_out", zero=zero_last)

    def build(self, input_shape):
        self.temperature = add_float32_weight(self, "temperature", [self.heads, 1, 1], "ones")
        super().build(input_shape)

    def call(self, x, token=None):
        """x [batch, height, width, channels]; token: the coarsest prior [batch, 1, its width] where it is modulated."""
        if self.modulation is not None:
            x = self.modulation(x, token)
        query, key, value = tf.split(self.depthwise(self.query_key_value(x)), 3, axis=-1)
        return self._weighed(value, self.attention_map(*self._sums(query, key)))

    # The same in strips, of a layer that has been called: sums over all of them, weights, and then `weighed`.

    def sums(self, strip, own, token=None):
        """What the weights follow from: products [batch, heads, c, c], squared norms of queries and keys [batch, heads, 1, c].

        Args:
          strip: rows of x, with one more on either side.
          own: takes these away.
        """
        query, key = tf.split(own(self._mapped(strip, token, slice(0, 2 * self.channels))), 2, axis=-1)
        return self._sums(query, key)

    def attention_map(self, products, query_squares, key_squares):
        """Of the sums over all of a picture: what each channel's value counts for each, [batch, heads, c, c]."""
        # Below the root: its slope at zero is infinite.
        query, key = (tf.sqrt(tf.maximum(each, _SMALLEST_NORM**2)) for each in (query_squares, key_squares))
        return tf.nn.softmax(products / (tf.linalg.matrix_transpose(query) * key) * self.temperature)

    def weighed(self, strip, weights, token=None):
        """What `call` gives in a strip, whose outermost rows lack what they depend on."""
        return self._weighed(self._mapped(strip, token, slice(2 * self.channels, 3 * self.channels)), weights)

    def _mapped(self, x, token, outputs):
        """Some of the queries, keys and values."""
        if self.modulation is not None:
            x = self.modulation(x, token)
        kernel = tf.cast(self.query_key_value.kernel, x.dtype)[..., outputs]
        depthwise = tf.cast(self.depthwise.depthwise_kernel, x.dtype)[:, :, outputs]
        return tf.nn.depthwise_conv2d(tf.nn.conv2d(x, kernel, 1, "SAME"), depthwise, [1, 1, 1, 1], "SAME")

    def _sums(self, query, key):
        query, key = self._by_head(query), self._by_head(key)
        products = tf.cast(tf.matmul(query, key, transpose_a=True), tf.float32)
        squares = (tf.reduce_sum(tf.square(tf.cast(each, tf.float32)), axis=2, keepdims=True) for each in (query, key))
        return products, *squares

    def _weighed(self, value, weights):
        attended = tf.matmul(self._by_head(value), tf.cast(weights, value.dtype), transpose_b=True)
        return self.project_out(tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), tf.shape(value)))

    def _by_head(self, x):
        """[batch, height, width, channels] → [batch, heads, pixels, channels of a head]."""
        shape = tf.shape(x)
        pixels = tf.reshape(x, [shape[0], shape[1] * shape[2], self.heads, self.channels // self.heads])
        return tf.transpose(pixels, [0, 2, 1, 3])
