"""The noise level as a vector that the residual blocks can add to their features."""

import math

import tensorflow as tf

from icdpm.networks.activations import swish
from icdpm.networks.layers import Block, dense


class NoiseLevelEmbedding(Block):
    """√γ → sinusoidal features of width `channels` → Dense → swish → Dense → swish, of width 4·`channels`.

    The network is told the continuous noise level itself (WaveGrad, Chen et al. 2020; SR3, Saharia et al. 2021), not a step
    number, so any inference schedule can be used with one trained network.

    Args:
      channels: base width C of the network; even.
      scale: factor on √γ before the sinusoids. It sets the finest difference of noise level that they resolve (assumed).
      dtype: Keras policy of the network. The sinusoids are always made in float32: bfloat16 has 8 bits for √γ·scale.
    """

    def __init__(self, channels, scale, dtype, name="noise_level_embedding"):
        super().__init__(name=name, dtype=dtype, autocast=False)
        self.channels = channels
        self.scale = scale
        self.dense_1 = dense(4 * channels, dtype, "dense_1")
        self.dense_2 = dense(4 * channels, dtype, "dense_2")

    def call(self, noise_level):
        """noise_level: √γ, float32 [batch] in [0, 1]. Returns [batch, 4·channels] in the compute dtype."""
        half = self.channels // 2
        frequencies = tf.exp(-math.log(1e4) * tf.range(half, dtype=tf.float32) / half)
        angles = self.scale * noise_level[:, None] * frequencies[None, :]
        features = tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)
        return swish(self.dense_2(swish(self.dense_1(features))))
