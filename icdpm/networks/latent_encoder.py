"""HI-Diff's latent encoder (Chen et al., NeurIPS 2023, §3.1): pictures to a few tokens."""

import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.adaptive_pooling import adaptive_average_pool
from icdpm.networks.layers import Network, take_each
from icdpm.networks.linear_maps import convolution, linear
from icdpm.networks.token_mixer import TokenMixer

_PATCH = 4


@keras.saving.register_keras_serializable(package="icdpm")
class LatentEncoder(Network):
    """Pixels unshuffled by 4, convolutions, the average over side × side areas, a mixer of these tokens, a linear map.

    It is of one of two kinds, as the published models are: 'gelu', or 'leaky_relu', whose last convolutions widen to the
    width of the prior before the average is taken, and whose mixer is as wide.

    Args:
      kind: see above: the activation.
      channels: of the convolutions.
      blocks: residual blocks of two 3×3 convolutions.
      side: the tokens are side × side, one for each area of the picture.
      width: channels of a token.
      token_expansion, channel_expansion: see `TokenMixer`.
      name, dtype: see `Network`; tokens are float32.
    """

    def __init__(
        self,
        kind,
        channels,
        blocks,
        side,
        width,
        token_expansion=0.5,
        channel_expansion=4.0,
        name="latent_encoder",
        dtype="float32",
    ):
        arguments = {
            "kind": kind,
            "channels": channels,
            "blocks": blocks,
            "side": side,
            "width": width,
            "token_expansion": token_expansion,
            "channel_expansion": channel_expansion,
        }
        super().__init__(name, dtype, **arguments)
        self.side = side
        self.activation = {"gelu": tf.nn.gelu, "leaky_relu": lambda x: tf.nn.leaky_relu(x, 0.1)}[kind]
        self.stem = convolution(channels, 3, dtype, "stem", bias=True)
        self.blocks = [
            convolution(channels, 3, dtype, f"block_{number}_{half}", bias=True) for number in range(blocks) for half in (1, 2)
        ]
        self.widens = kind == "leaky_relu"
        widths = [2 * channels, 2 * channels, width] if self.widens else [channels]
        self.last = [convolution(filters, 3, dtype, f"last_{number}", bias=True) for number, filters in enumerate(widths)]
        self.mixer = TokenMixer(side**2, widths[-1], token_expansion, channel_expansion)
        self.end = linear(width, "float32", "end")

    def call(self, images):
        """float [batch, height, width, any] in [0, 1], sides divisible by 4 → float32 [batch, side², width]."""
        return self.tokens(adaptive_average_pool(self.features(images), self.side))

    # Its two parts, for pictures that are looked at in windows, whose averages add up.

    patch = _PATCH  # pixels to a side of what is one pixel of the features

    @property
    def receptive_field_radius(self):
        """How many pixels beyond a window its features depend on."""
        return _PATCH * (1 + len(self.blocks) + len(self.last))

    def features(self, images):
        """What is averaged over areas, [batch, height/4, width/4, …]."""
        x = tf.nn.space_to_depth(tf.cast(images, self.compute_dtype), _PATCH)
        x = self.activation(self.stem(x))
        for first, second in take_each(self.blocks, [2] * (len(self.blocks) // 2)):
            x += second(self.activation(first(x)))
        for each in self.last:
            x = self.activation(each(x)) if self.widens else each(x)
        return x

    def tokens(self, pooled):
        """What `call` gives, of the averages [batch, side, side, …]."""
        tokens = self.mixer(tf.reshape(pooled, [-1, self.side**2, pooled.shape[-1]]))
        return self.activation(self.end(tokens))
