"""Prior of HI-Diff: the encoder that maps images to a few tokens (§3.1), and the networks that denoise these tokens."""

from __future__ import annotations

import tensorflow as tf

from icdpm.keras import add_float32_weight, keras
from icdpm.networks.hidiff.layers import TokenMixer, convolution, linear
from icdpm.networks.layers import Network, take_each

_PATCH = 4
# Initial factor on the step number (MixerDenoiser), and divisor of it (PerceptronDenoiser).
_FIRST_TIME_SCALE = 1e-3
_TIME_PERIOD = 50.0


def adaptive_average_pool(
    x: tf.Tensor, side: int, size: tuple[int, int] | None = None, offset: tuple[int, int] = (0, 0)
) -> tf.Tensor:
    """Averages a map of any size over side × side areas that cover it.

    Area i of a side of n pixels extends from ⌊i·n/side⌋ to ⌈(i+1)·n/side⌉; areas overlap where n is not divisible. The results
    of parts of a larger map add up to that of the whole map.

    Args:
      x: float [batch, height, width, channels].
      side: areas along each side.
      size: (height, width) of the larger map of which x is a part; None: x is the whole map.
      offset: row and column of x in the larger map.

    Returns:
      float32 [batch, side, side, channels].
    """
    shape = tf.shape(x)
    sizes = size or (shape[1], shape[2])
    rows, columns = (
        _area_weights(length, side)[:, first : first + shape[axis]] for length, first, axis in zip(sizes, offset, (1, 2))
    )
    # One matrix product for each axis.
    channels = x.shape[-1]
    over_rows = tf.matmul(rows, tf.reshape(tf.cast(x, tf.float32), [shape[0], shape[1], shape[2] * channels]))
    by_row = tf.reshape(over_rows, [shape[0], side, shape[2], channels])
    return tf.ensure_shape(tf.matmul(columns, by_row), [x.shape[0], side, side, channels])


def _area_weights(length, side):
    """Returns the weight of each pixel of a side in each area: float32 [side, length], whose rows sum to 1."""
    area, pixel = tf.range(side)[:, None], tf.range(length)[None]
    start, stop = area * length // side, -(-(area + 1) * length // side)
    within = tf.cast((pixel >= start) & (pixel < stop), tf.float32)
    return within / tf.cast(stop - start, tf.float32)


@keras.saving.register_keras_serializable(package="icdpm")
class LatentEncoder(Network):
    """Encoder of images to side × side tokens.

    It unshuffles pixels by 4, then applies convolutions, averages over side × side areas, a mixer of these tokens, and a linear
    map. `call` computes `features`, their averages, and `tokens`; these are separate because the averages of a large image can
    be summed over windows.

    The published models are of two kinds, 'gelu' and 'leaky_relu', named by the activation. In the second the last convolutions
    widen to the width of the prior before the averages are taken, and the mixer has that width.

    Args:
      kind: 'gelu' or 'leaky_relu'.
      channels: of the convolutions.
      blocks: residual blocks of two 3×3 convolutions.
      side: tokens along each side of the image.
      width: channels of a token.
      token_expansion: see `TokenMixer`.
      channel_expansion: see `TokenMixer`.
      name: first part of the weights' names.
      dtype: Keras policy of the layers, such as 'mixed_bfloat16'; tokens are float32.
    """

    patch = _PATCH  # pixels of the image along one pixel of the features

    def __init__(
        self,
        kind: str,
        channels: int,
        blocks: int,
        side: int,
        width: int,
        token_expansion: float = 0.5,
        channel_expansion: float = 4.0,
        name: str = "latent_encoder",
        dtype: str = "float32",
    ) -> None:
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

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Encodes images.

        Args:
          images: float [batch, height, width, channels] in [0, 1]; height and width divisible by 4.

        Returns:
          float32 [batch, side², width].
        """
        return self.tokens(adaptive_average_pool(self.features(images), self.side))

    @property
    def receptive_field_radius(self) -> int:
        """Receptive-field radius of `features`, in pixels."""
        return _PATCH * (1 + len(self.blocks) + len(self.last))

    def features(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the features that are averaged over areas, [batch, height/4, width/4, channels]."""
        x = tf.nn.space_to_depth(tf.cast(images, self.compute_dtype), _PATCH)
        x = self.activation(self.stem(x))
        for first, second in take_each(self.blocks, [2] * (len(self.blocks) // 2)):
            x += second(self.activation(first(x)))
        for each in self.last:
            x = self.activation(each(x)) if self.widens else each(x)
        return x

    def tokens(self, pooled: tf.Tensor) -> tf.Tensor:
        """Returns the tokens, float32 [batch, side², width], of averages [batch, side, side, channels]."""
        tokens = self.mixer(tf.reshape(pooled, [-1, self.side**2, pooled.shape[-1]]))
        return self.activation(self.end(tokens))


@keras.saving.register_keras_serializable(package="icdpm")
class MixerDenoiser(Network):
    """Denoiser of tokens in the GoPro model: a linear map of [tokens, time, condition], mixers, and a linear map; in float32.

    Args:
      tokens: number of tokens of the prior.
      width: channels of a token.
      hidden: channels of a token between the two linear maps.
      blocks: number of mixers, with a GELU after each.
      token_expansion: see `TokenMixer`.
      channel_expansion: see `TokenMixer`.
      name: first part of the weights' names.
      dtype: Keras policy of the model; its layers always compute in float32.
    """

    def __init__(
        self,
        tokens: int,
        width: int,
        hidden: int,
        blocks: int,
        token_expansion: float,
        channel_expansion: float,
        name: str = "denoiser",
        dtype: str = "float32",
    ) -> None:
        arguments = {"tokens": tokens, "width": width, "hidden": hidden, "blocks": blocks}
        expansions = {"token_expansion": token_expansion, "channel_expansion": channel_expansion}
        super().__init__(name, dtype, **arguments, **expansions)
        self.first = linear(hidden, "float32", "first")
        self.mixers = [
            TokenMixer(tokens, hidden, token_expansion, channel_expansion, name=f"mixer_{number}") for number in range(blocks)
        ]
        self.last = linear(width, "float32", "last")

    def build(self, input_shape: tuple) -> None:
        initializer = keras.initializers.Constant(_FIRST_TIME_SCALE)
        self.time_scale = add_float32_weight(self, "time_scale", [1], initializer)
        super().build(input_shape)

    def call(self, noisy: tf.Tensor, condition: tf.Tensor, step: int) -> tf.Tensor:
        """Returns the prediction of the chain's parametrization, of the shape of `noisy`.

        Args:
          noisy: z_t, float32 [batch, tokens, width].
          condition: the tokens of the blurry image, of the same shape.
          step: t of 1 … T, a Python number.
        """
        time = tf.fill(tf.shape(noisy), float(step)) * self.time_scale
        x = tf.nn.leaky_relu(self.first(tf.concat([noisy, time, condition], axis=-1)), 0.2)
        for mixer in self.mixers:
            x = tf.nn.gelu(mixer(x))
        return tf.nn.gelu(self.last(x))


@keras.saving.register_keras_serializable(package="icdpm")
class PerceptronDenoiser(Network):
    """Denoiser of tokens in the RealBlur models: linear maps of [condition, time, token] for each token; in float32.

    Args:
      width: channels of a token, and hidden width.
      layers: linear maps after the first.
      name: first part of the weights' names.
      dtype: Keras policy of the model; its layers always compute in float32.
    """

    def __init__(self, width: int, layers: int, name: str = "denoiser", dtype: str = "float32") -> None:
        super().__init__(name, dtype, width=width, layers=layers)
        self.maps = [linear(width, "float32", f"map_{number}") for number in range(layers + 1)]

    def call(self, noisy: tf.Tensor, condition: tf.Tensor, step: int) -> tf.Tensor:
        """Returns the prediction as `MixerDenoiser.call` does; this network counts steps from 0."""
        time = tf.fill(tf.shape(noisy[..., :1]), (step - 1) / _TIME_PERIOD)
        x = tf.concat([condition, time, noisy], axis=-1)
        for each in self.maps:
            x = tf.nn.leaky_relu(each(x), 0.1)
        return x
