"""Basic layers of HI-Diff: convolutions and linear maps with PyTorch's initial weights, layer norm, modulation, token mixer."""

from __future__ import annotations

import tensorflow as tf

from icdpm.keras import add_float32_weight, keras
from icdpm.networks import layers
from icdpm.networks.layers import Block
from icdpm.networks.operations import normalize_channels


def convolution(filters: int, size: int, dtype: str, name: str, bias: bool = False, zero: bool = False) -> layers.Conv2D:
    """Returns a convolution that keeps height and width, with initial weights uniform within ±1/√(inputs of an output).

    Args:
      filters: output channels.
      size: the side of the kernel.
      dtype: a Keras policy.
      name: of the layer.
      bias: whether it adds a bias.
      zero: whether its initial weights are zero instead.
    """
    return layers.convolution(filters, size, dtype, name, bias=bias, zero=zero, initializer=_uniform())


def depthwise_convolution(size: int, dtype: str, name: str) -> layers.DepthwiseConv2D:
    """Returns a depthwise convolution without bias that keeps height and width; arguments as in `convolution`."""
    return layers.depthwise_convolution(size, dtype, name, bias=False, initializer=layers.Uniform(1.0 / size))


def linear(units: int, dtype: str, name: str, bias: bool = True, zero: bool = False) -> layers.Dense:
    """Returns a linear map of the last axis to `units` channels; the other arguments as in `convolution`."""
    return layers.dense(units, dtype, name, bias=bias, zero=zero, initializer=_uniform())


def _uniform():
    return layers.VarianceScaling(1.0 / 3.0, "fan_in")


class LayerNorm(keras.layers.Layer):
    """Layer normalization: (x − mean)/√(variance + 1e-5) over the last axis, times a trained scale, plus a bias.

    It is computed in float32 and returns the compute type of the policy.
    """

    def build(self, input_shape: tuple) -> None:
        self.scale = add_float32_weight(self, "scale", [input_shape[-1]], "ones")
        self.bias = add_float32_weight(self, "bias", [input_shape[-1]], "zeros")
        super().build(input_shape)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the normalized x: float [..., channels]."""
        normalized, _ = normalize_channels(tf.cast(x, tf.float32), 1e-5)
        return tf.cast(normalized * self.scale + self.bias, self.compute_dtype)


class PriorModulation(Block):
    """Modulation x·W₁z3 + W₂z3: the one token of the coarsest prior scales and shifts each channel.

    Args:
      channels: of the features.
      dtype: a Keras policy.
      name: of the layer.
    """

    def __init__(self, channels: int, dtype: str, name: str = "modulation") -> None:
        super().__init__(name=name, dtype=dtype)
        self.scale = linear(channels, dtype, "scale")
        self.shift = linear(channels, dtype, "shift")

    def call(self, x: tf.Tensor, token: tf.Tensor) -> tf.Tensor:
        """Returns the modulated x [batch, height, width, channels]; token: [batch, 1, width of the prior]."""
        return x * self.scale(token)[:, :, None, :] + self.shift(token)[:, :, None, :]


class TokenMixer(Block):
    """MLP-Mixer (Tolstikhin et al., 2021): x + MLP over the tokens of norm(x), then x + MLP over the channels of norm(x).

    Each MLP has one hidden layer with a GELU.

    Args:
      tokens: number of tokens.
      width: channels of a token.
      token_expansion: hidden width of the MLP over the tokens, as a multiple of `tokens`.
      channel_expansion: hidden width of the MLP over the channels, as a multiple of `width`.
      name: of the layer.
    """

    def __init__(self, tokens: int, width: int, token_expansion: float, channel_expansion: float, name: str = "mixer") -> None:
        super().__init__(name=name, dtype="float32")
        self.token_norm = LayerNorm(name="token_norm", dtype="float32")
        self.token_maps = _mlp(int(tokens * token_expansion), tokens, "tokens")
        self.channel_norm = LayerNorm(name="channel_norm", dtype="float32")
        self.channel_maps = _mlp(int(width * channel_expansion), width, "channels")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns float32 [batch, tokens, width], as x."""
        over_tokens = _apply(self.token_maps, tf.linalg.matrix_transpose(self.token_norm(x)))
        x += tf.linalg.matrix_transpose(over_tokens)
        return x + _apply(self.channel_maps, self.channel_norm(x))


def _mlp(hidden, outputs, name):
    return linear(hidden, "float32", f"{name}_in"), linear(outputs, "float32", f"{name}_out")


def _apply(maps, x):
    first, last = maps
    return last(tf.nn.gelu(first(x)))
