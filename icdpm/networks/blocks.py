"""Blocks of the convolutional networks: residual block (plain, guided, resampling) and noise-level embedding."""

from __future__ import annotations

import math

import tensorflow as tf

from icdpm.networks.layers import Block, Conv2D, convolution, dense
from icdpm.networks.operations import average_pool, repeat_pixels, swish


class ResidualBlock(Block):
    """Residual block: swish, 3×3 conv, (+ Dense(noise embedding)), (+ 3×3 conv(guidance)), swish, (dropout), 3×3 conv; + skip.

    It has no normalization: it is fully convolutional, and its output at a pixel depends on a bounded neighborhood only.

    Args:
      filters: output channels. The skip is a 1×1 convolution where the input has another number of channels.
      dtype: a Keras policy.
      name: of the layer.
      resample: None, 'down' (average pooling by 2 before both convolutions) or 'up' (pixels repeated by 2 before both).
      embedded: whether the block receives a noise-level embedding.
      guided: whether the block has a 3×3 convolution of its own for the guidance features (guided residual block, Fig. 10 of
        arXiv 2212.01789). Without one, `guidance` is added unchanged: it is the output of a projection that blocks share.
      dropout: rate of the dropout before the second convolution; active only where a seed is given.
      zero_last: whether the second convolution starts at zero, so that the block starts as its skip.
    """

    def __init__(
        self,
        filters: int,
        dtype: str,
        name: str,
        *,
        resample: str | None = None,
        embedded: bool = False,
        guided: bool = False,
        dropout: float = 0.0,
        zero_last: bool = True,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.filters = filters
        self.resample = {None: tf.identity, "down": _halve, "up": _double}[resample]
        self.dropout = dropout
        self.convolution_1 = convolution(filters, 3, dtype, "convolution_1")
        self.convolution_2 = convolution(filters, 3, dtype, "convolution_2", zero=zero_last)
        self.embedding = dense(filters, dtype, "embedding") if embedded else None
        self.guidance = convolution(filters, 3, dtype, "guidance") if guided else None
        self.skip: Conv2D | None = None

    def build(self, input_shape: tuple) -> None:
        if input_shape[-1] != self.filters:
            self.skip = convolution(self.filters, 1, self.dtype_policy, "skip")
        super().build(input_shape)

    def call(
        self,
        x: tf.Tensor,
        embedding: tf.Tensor | None = None,
        guidance: tf.Tensor | None = None,
        dropout_seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Applies the block.

        Args:
          x: [batch, height, width, channels].
          embedding: [batch, width] for an embedded block.
          guidance: [batch, height, width, channels], with `filters` channels where the block is not `guided`; None: none.
          dropout_seed: a stateless seed, two integers; None disables dropout.

        Returns:
          [batch, height, width, filters], with half or twice the height and width where the block resamples.
        """
        features = self.convolution_1(self.resample(swish(x)))
        if self.embedding is not None:
            features += self.embedding(embedding)[:, None, None, :]
        if guidance is not None:
            features += guidance if self.guidance is None else self.guidance(guidance)
        features = swish(features)
        if self.dropout and dropout_seed is not None:
            features = tf.nn.experimental.stateless_dropout(features, self.dropout, dropout_seed)
        features = self.convolution_2(features)
        x = self.resample(x)
        return features + (x if self.skip is None else self.skip(x))


def _halve(x):
    return average_pool(x, 2)


def _double(x):
    return repeat_pixels(x, 2)


class NoiseLevelEmbedding(Block):
    """Embedding of the noise level: √γ → sinusoids → Dense → swish → Dense → swish.

    The network receives the continuous noise level (WaveGrad, Chen et al. 2020; SR3, Saharia et al. 2021) in place of a step
    number, so that one trained network works with any inference schedule.

    Args:
      channels: base width C of the network, the number of sinusoids; even.
      scale: factor on √γ before the sinusoids. It determines the smallest difference of noise levels that they resolve
        (assumed; the paper does not give it).
      dtype: the Keras policy of the network. The sinusoids are always computed in float32: bfloat16 has 8 bits for √γ·scale.
    """

    def __init__(self, channels: int, scale: float, dtype: str, name: str = "noise_level_embedding") -> None:
        super().__init__(name=name, dtype=dtype, autocast=False)
        self.channels = channels
        self.scale = scale
        self.dense_1 = dense(4 * channels, dtype, "dense_1")
        self.dense_2 = dense(4 * channels, dtype, "dense_2")

    def call(self, noise_level: tf.Tensor) -> tf.Tensor:
        """Returns the embedding [batch, 4·channels], in the compute dtype, of √γ: float32 [batch] in [0, 1]."""
        half = self.channels // 2
        frequencies = tf.exp(-math.log(1e4) * tf.range(half, dtype=tf.float32) / half)
        angles = self.scale * noise_level[:, None] * frequencies[None, :]
        features = tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)
        return swish(self.dense_2(swish(self.dense_1(features))))
