"""Transformer blocks of HI-Diff: Restormer's attention and feed-forward network, and the integration of the prior."""

from __future__ import annotations

import tensorflow as tf

from icdpm.keras import add_float32_weight
from icdpm.networks.hidiff.layers import LayerNorm, PriorModulation, convolution, depthwise_convolution, linear
from icdpm.networks.hidiff.row_strips import has_static_size, map_strips, sum_over_strips
from icdpm.networks.layers import Block

# Of the norms by which queries and keys are divided.
_SMALLEST_NORM = 1e-12


class TransposedAttention(Block):
    """Multi-Dconv head transposed attention (MDTA; Zamir et al., *Restormer*, CVPR 2022, eq. 1).

    Channels attend to channels: the attention map is channels × channels for any number of pixels. Queries, keys and values are
    1×1 convolutions followed by 3×3 depthwise ones. Each channel of queries and keys is divided by its norm over all pixels of
    the image; the softmax of their products times a trained temperature weights the values.

    Args:
      channels: of input and output.
      heads: groups of channels that attend to each other; a divisor of `channels`.
      dtype: a Keras policy. Norms and softmax are computed in float32.
      modulated: whether the prior modulates the input (`PriorModulation`).
      zero_last: whether the last convolution starts at zero.
      name: of the layer.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        dtype: str,
        *,
        modulated: bool = False,
        zero_last: bool = False,
        name: str = "attention",
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.channels = channels
        self.heads = heads
        self.modulation = PriorModulation(channels, dtype) if modulated else None
        self.query_key_value = convolution(3 * channels, 1, dtype, "query_key_value")
        self.depthwise = depthwise_convolution(3, dtype, "depthwise")
        self.project_out = convolution(channels, 1, dtype, "project_out", zero=zero_last)

    def build(self, input_shape: tuple) -> None:
        self.temperature = add_float32_weight(self, "temperature", [self.heads, 1, 1], "ones")
        super().build(input_shape)

    def call(self, x: tf.Tensor, token: tf.Tensor | None = None) -> tf.Tensor:
        """Applies the attention.

        Args:
          x: [batch, height, width, channels].
          token: the coarsest prior [batch, 1, its width] where the layer is modulated.

        Returns:
          A tensor of the shape of x.
        """
        if self.modulation is not None:
            x = self.modulation(x, token)
        query, key, value = tf.split(self.depthwise(self.query_key_value(x)), 3, axis=-1)
        return self._weighted(value, self.attention_map(*self._sums(query, key)))

    # The same in strips of rows, for a built layer: `sums` of all strips, `attention_map`, then `weighted_values`.

    def sums(self, strip: tf.Tensor, core: slice, token: tf.Tensor | None = None) -> tuple[tf.Tensor, ...]:
        """Returns a strip's terms of the sums from which the attention map follows.

        Args:
          strip: rows of x, with one more on either side.
          core: its rows without these two.
          token: see `call`.

        Returns:
          Products [batch, heads, c, c], and squared norms of queries and of keys [batch, heads, 1, c].
        """
        query, key = tf.split(self._projected(strip, token, slice(0, 2 * self.channels))[:, core], 2, axis=-1)
        return self._sums(query, key)

    def attention_map(self, products: tf.Tensor, query_squares: tf.Tensor, key_squares: tf.Tensor) -> tf.Tensor:
        """Returns the weights of values [batch, heads, c, c], from the sums over the whole image."""
        # The maximum is taken before the root, whose slope at zero is infinite.
        query, key = (tf.sqrt(tf.maximum(each, _SMALLEST_NORM**2)) for each in (query_squares, key_squares))
        return tf.nn.softmax(products / (tf.linalg.matrix_transpose(query) * key) * self.temperature)

    def weighted_values(self, strip: tf.Tensor, weights: tf.Tensor, token: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the result of `call` in a strip, except in its outermost rows, which lack their neighbors."""
        return self._weighted(self._projected(strip, token, slice(2 * self.channels, 3 * self.channels)), weights)

    def _projected(self, x, token, outputs):
        """Returns some of the channels of queries, keys and values."""
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

    def _weighted(self, value, weights):
        attended = tf.matmul(self._by_head(value), tf.cast(weights, value.dtype), transpose_b=True)
        return self.project_out(tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), tf.shape(value)))

    def _by_head(self, x):
        """[batch, height, width, channels] → [batch, heads, pixels, channels of a head]."""
        shape = tf.shape(x)
        pixels = tf.reshape(x, [shape[0], shape[1] * shape[2], self.heads, self.channels // self.heads])
        return tf.transpose(pixels, [0, 2, 1, 3])


class GatedFeedForward(Block):
    """Gated-Dconv feed-forward network (GDFN; Zamir et al., *Restormer*, CVPR 2022, eq. 2).

    Two branches of a 1×1 and a 3×3 depthwise convolution; the GELU of one times the other, and a 1×1 convolution.

    Args:
      channels: of input and output.
      expansion: width of a branch over `channels`, rounded down.
      dtype: a Keras policy.
      modulated: whether the prior modulates the input (`PriorModulation`).
      zero_last: whether the last convolution starts at zero.
      name: of the layer.
    """

    def __init__(
        self,
        channels: int,
        expansion: float,
        dtype: str,
        *,
        modulated: bool = False,
        zero_last: bool = False,
        name: str = "feed_forward",
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.modulation = PriorModulation(channels, dtype) if modulated else None
        self.project_in = convolution(2 * int(channels * expansion), 1, dtype, "project_in")
        self.depthwise = depthwise_convolution(3, dtype, "depthwise")
        self.project_out = convolution(channels, 1, dtype, "project_out", zero=zero_last)

    def call(self, x: tf.Tensor, token: tf.Tensor | None = None) -> tf.Tensor:
        """Applies the network; arguments and result as in `TransposedAttention.call`."""
        if self.modulation is not None:
            x = self.modulation(x, token)
        gate, value = tf.split(self.depthwise(self.project_in(x)), 2, axis=-1)
        return self.project_out(tf.nn.gelu(gate) * value)


class HierarchicalIntegration(Block):
    """Hierarchical integration module (HIM) of HI-Diff (eq. 6): cross-attention of pixels to the tokens of a prior.

    softmax(q·kᵀ/√(channels of a head))·v is added to the features; queries are of the normalized pixels, keys and values of the
    normalized tokens.

    Args:
      channels: of the features.
      heads: a divisor of `channels`.
      dtype: a Keras policy. The softmax is computed in float32.
      zero_last: whether the last map starts at zero.
      name: of the layer.
    """

    def __init__(self, channels: int, heads: int, dtype: str, *, zero_last: bool = False, name: str = "integration") -> None:
        super().__init__(name=name, dtype=dtype)
        self.channels = channels
        self.heads = heads
        self.pixel_norm = LayerNorm(name="pixel_norm", dtype=dtype)
        self.token_norm = LayerNorm(name="token_norm", dtype=dtype)
        self.query = linear(channels, dtype, "query", bias=False)
        self.key_value = linear(2 * channels, dtype, "key_value", bias=False)
        self.project_out = linear(channels, dtype, "project_out", zero=zero_last)

    def call(self, x: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        """Adds the attended values to x [batch, height, width, channels]; tokens: [batch, number, width of the prior]."""
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


class TransformerBlock(Block):
    """Transformer block: x + attention(norm(x)), then x + feed-forward(norm(x)).

    Args:
      channels: of input and output.
      heads: groups of channels that attend to each other; a divisor of `channels`.
      expansion: width of a branch of the feed-forward network over `channels`, rounded down.
      dtype: a Keras policy.
      name: of the layer.
      modulated: whether the coarsest prior modulates both.
      zero_last: whether both start at zero.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        expansion: float,
        dtype: str,
        name: str,
        *,
        modulated: bool = False,
        zero_last: bool = False,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.norm_1 = LayerNorm(name="norm_1", dtype=dtype)
        self.attention = TransposedAttention(channels, heads, dtype, modulated=modulated, zero_last=zero_last)
        self.norm_2 = LayerNorm(name="norm_2", dtype=dtype)
        self.feed_forward = GatedFeedForward(channels, expansion, dtype, modulated=modulated, zero_last=zero_last)

    def call(self, x: tf.Tensor, token: tf.Tensor | None = None) -> tf.Tensor:
        """Applies the block, in strips of rows where the size is not static; arguments as in `TransposedAttention.call`."""
        if has_static_size(x):
            x += self.attention(self.norm_1(x), token)
            return x + self.feed_forward(self.norm_2(x), token)
        sums = sum_over_strips(lambda strip, core: self.attention.sums(self.norm_1(strip), core, token), x, halo=1)
        weights = self.attention.attention_map(*sums)
        x = map_strips(lambda strip: strip + self.attention.weighted_values(self.norm_1(strip), weights, token), x, halo=1)
        return map_strips(lambda strip: strip + self.feed_forward(self.norm_2(strip), token), x, halo=1)


class TransformerLevel(Block):
    """Transformer blocks of one width at one resolution, with or without a prior.

    Args:
      channels: of input and output.
      heads: groups of channels that attend to each other; a divisor of `channels`.
      expansion: width of a branch of the feed-forward networks over `channels`, rounded down.
      blocks: number of blocks.
      dtype: a Keras policy.
      name: of the layer.
      guidance: 'integration': one `HierarchicalIntegration` before the blocks; 'modulation': in every block; None: no prior.
      zero_last: whether everything that is added to the features starts at zero.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        expansion: float,
        blocks: int,
        dtype: str,
        name: str,
        *,
        guidance: str | None = None,
        zero_last: bool = False,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.integration: HierarchicalIntegration | None = None
        if guidance == "integration":
            self.integration = HierarchicalIntegration(channels, heads, dtype, zero_last=zero_last)
        self.modulated = guidance == "modulation"
        self.blocks = [
            TransformerBlock(
                channels, heads, expansion, dtype, f"block_{number}", modulated=self.modulated, zero_last=zero_last
            )
            for number in range(blocks)
        ]

    def call(self, x: tf.Tensor, tokens: tf.Tensor | None = None) -> tf.Tensor:
        """Applies the blocks.

        Args:
          x: [batch, height, width, channels].
          tokens: the prior of this level, [batch, number, width of the prior]; one token for modulation.

        Returns:
          A tensor of the shape of x.
        """
        integration = self.integration
        if integration is not None:
            x = integration(x, tokens) if has_static_size(x) else map_strips(lambda strip: integration(strip, tokens), x)
        for block in self.blocks:
            x = block(x, tokens if self.modulated else None)
        return x
