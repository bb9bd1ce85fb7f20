"""The mixer of tokens and channels in HI-Diff's latent encoder and denoiser (MLP-Mixer; Tolstikhin et al., 2021)."""

import tensorflow as tf

from icdpm.networks.layer_norm import LayerNorm
from icdpm.networks.layers import Block
from icdpm.networks.linear_maps import linear


class TokenMixer(Block):
    """x + perceptron over the tokens of norm(x), then x + perceptron over the channels of norm(x); both with one GELU.

    Args:
      tokens, width: shape of what it is given.
      token_expansion, channel_expansion: hidden width of each perceptron, over `tokens` and over `width`.
    """

    def __init__(self, tokens, width, token_expansion, channel_expansion, name="mixer"):
        super().__init__(name=name, dtype="float32")
        self.token_norm = LayerNorm(name="token_norm", dtype="float32")
        self.token_maps = _perceptron(int(tokens * token_expansion), tokens, "tokens")
        self.channel_norm = LayerNorm(name="channel_norm", dtype="float32")
        self.channel_maps = _perceptron(int(width * channel_expansion), width, "channels")

    def call(self, x):
        """float32 [batch, tokens, width] → the same shape."""
        over_tokens = _apply(self.token_maps, tf.linalg.matrix_transpose(self.token_norm(x)))
        x += tf.linalg.matrix_transpose(over_tokens)
        return x + _apply(self.channel_maps, self.channel_norm(x))


def _perceptron(hidden, outputs, name):
    return linear(hidden, "float32", f"{name}_in"), linear(outputs, "float32", f"{name}_out")


def _apply(maps, x):
    first, last = maps
    return last(tf.nn.gelu(first(x)))
