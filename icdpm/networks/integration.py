"""The hierarchical integration module (HIM) of HI-Diff (Chen et al., NeurIPS 2023, eq. 6)."""

import tensorflow as tf

from icdpm.networks.layer_norm import LayerNorm
from icdpm.networks.layers import Block
from icdpm.networks.linear_maps import linear


class HierarchicalIntegration(Block):
    """Cross-attention of pixels to the tokens of a prior, added to the features.

    softmax(q·kᵀ/√(channels of a head))·v with queries of the normalised pixels, keys and values of the normalised tokens.

    Args:
      channels: of the features.
      heads: a divisor of `channels`.
      dtype: Keras policy. The softmax is computed in float32.
      zero_last: whether its last map starts at zero.
    """

    def __init__(self, channels, heads, dtype, *, zero_last=False, name="integration"):
        super().__init__(name=name, dtype=dtype)
        self.channels = channels
        self.heads = heads
        self.pixel_norm = LayerNorm(name="pixel_norm", dtype=dtype)
        self.token_norm = LayerNorm(name="token_norm", dtype=dtype)
        self.query = linear(channels, dtype, "query", bias=False)
        self.key_value = linear(2 * channels, dtype, "key_value", bias=False)
        self.project_out = linear(channels, dtype, "project_out", zero=zero_last)

    def call(self, x, tokens):
        """x [batch, height, width, channels], tokens [batch, number, width of the prior] → of x's shape."""
        shape = tf.shape(x)
        query = self._by_head(self.query(self.pixel_norm(tf.reshape(x, [shape[0], shape[1] * shape[2], self.channels]))))
        key, value = (self._by_head(part) for part in tf.split(self.key_value(self.token_norm(tokens)), 2, axis=-1))
        products = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32)
        weights = tf.nn.softmax(products * (self.channels // self.heads) ** -0.5)
        attended = tf.transpose(tf.matmul(tf.cast(weights, value.dtype), value), [0, 2, 1, 3])
        return x + tf.reshape(self.project_out(tf.reshape(attended, [shape[0], -1, self.channels])), shape)

    def _by_head(self, x):
        """[batch, number, channels] → [batch, heads, number, channels of a head]."""
        shape = tf.shape(x)
        return tf.transpose(tf.reshape(x, [shape[0], shape[1], self.heads, self.channels // self.heads]), [0, 2, 1, 3])
