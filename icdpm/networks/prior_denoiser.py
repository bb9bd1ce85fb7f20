"""The networks that take the noise from HI-Diff's prior: tokens in, tokens out, all in float32."""

import tensorflow as tf

from icdpm.keras import add_float32_weight, keras
from icdpm.networks.layers import Network
from icdpm.networks.linear_maps import linear
from icdpm.networks.token_mixer import TokenMixer

# What the number of the step is multiplied by at first (MixerDenoiser), and divided by (PerceptronDenoiser).
_FIRST_TIME_SCALE = 1e-3
_TIME_PERIOD = 50.0


@keras.saving.register_keras_serializable(package="icdpm")
class MixerDenoiser(Network):
    """A linear map of [tokens, time, condition], mixers, and a linear map to the width of a token (the GoPro model's).

    Args:
      tokens, width: shape of the prior.
      hidden: width within.
      blocks: mixers, with a GELU after each.
      token_expansion, channel_expansion: see `TokenMixer`.
    """

    def __init__(self, tokens, width, hidden, blocks, token_expansion, channel_expansion, name="denoiser", dtype="float32"):
        arguments = {"tokens": tokens, "width": width, "hidden": hidden, "blocks": blocks}
        expansions = {"token_expansion": token_expansion, "channel_expansion": channel_expansion}
        super().__init__(name, dtype, **arguments, **expansions)
        self.first = linear(hidden, "float32", "first")
        self.mixers = [
            TokenMixer(tokens, hidden, token_expansion, channel_expansion, name=f"mixer_{number}") for number in range(blocks)
        ]
        self.last = linear(width, "float32", "last")

    def build(self, input_shape):
        initializer = keras.initializers.Constant(_FIRST_TIME_SCALE)
        self.time_scale = add_float32_weight(self, "time_scale", [1], initializer)
        super().build(input_shape)

    def call(self, noisy, condition, step):
        """What the chain's parametrisation says of the prior.

        Args:
          noisy: z_t, float32 [batch, tokens, width].
          condition: what the condition encoder says of the blurry image, of the same shape.
          step: t of 1 … T, a Python number.
        """
        time = tf.fill(tf.shape(noisy), float(step)) * self.time_scale
        x = tf.nn.leaky_relu(self.first(tf.concat([noisy, time, condition], axis=-1)), 0.2)
        for mixer in self.mixers:
            x = tf.nn.gelu(mixer(x))
        return tf.nn.gelu(self.last(x))


@keras.saving.register_keras_serializable(package="icdpm")
class PerceptronDenoiser(Network):
    """Linear maps of [condition, time, token], each token by itself (the RealBlur models').

    Args:
      width: of a token, and within.
      layers: linear maps after the first.
    """

    def __init__(self, width, layers, name="denoiser", dtype="float32"):
        super().__init__(name, dtype, width=width, layers=layers)
        self.maps = [linear(width, "float32", f"map_{number}") for number in range(layers + 1)]

    def call(self, noisy, condition, step):
        """As of `MixerDenoiser`; here the network counts the steps from 0."""
        time = tf.fill(tf.shape(noisy[..., :1]), (step - 1) / _TIME_PERIOD)
        x = tf.concat([condition, time, noisy], axis=-1)
        for each in self.maps:
            x = tf.nn.leaky_relu(each(x), 0.1)
        return x
