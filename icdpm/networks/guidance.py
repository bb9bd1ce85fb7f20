"""Guidance network of one scale (arXiv 2212.01789, §3.2 and Fig. 10), and a discriminator that aligns its features."""

from __future__ import annotations

import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks import layers
from icdpm.networks.blocks import ResidualBlock
from icdpm.networks.layers import Network

_MULTIPLIERS = (1, 2, 3, 4)  # widths of the blocks over `channels`


@keras.saving.register_keras_serializable(package="icdpm")
class GuidanceNetwork(Network):
    """Networks H and R of eq. 2: a U-shaped residual network without resampling and without noise level.

    3×3 stem; one residual block at each width; middle blocks; one residual block at each width again, from the widest, each
    after concatenation with the output of that width from the first half. The output of the last block is the guidance feature
    h_k; one more 3×3 convolution regresses the sharp image of this scale from it.

    Args:
      channels: base width C; h_k has C channels.
      outputs: 1 (gray targets) or 3 (RGB targets).
      middle_blocks: residual blocks between the two halves.
      zero_last: whether the second convolution of each block starts at zero.
      name: first part of the weights' names.
      dtype: Keras policy of the layers, such as 'mixed_bfloat16'; the regression is always float32.
    """

    def __init__(
        self,
        channels: int,
        *,
        outputs: int = 1,
        middle_blocks: int = 2,
        zero_last: bool = True,
        name: str = "guidance",
        dtype: str = "float32",
    ) -> None:
        arguments = {"outputs": outputs, "middle_blocks": middle_blocks, "zero_last": zero_last}
        super().__init__(name, dtype, channels=channels, **arguments)

        def block(filters, block_name):
            return ResidualBlock(filters, dtype, block_name, zero_last=zero_last)

        widths = [channels * multiplier for multiplier in _MULTIPLIERS]
        self.stem = layers.convolution(channels, 3, dtype, "stem")
        self.encoder = [block(width, f"encoder_{i}") for i, width in enumerate(widths)]
        self.middle = [block(widths[-1], f"middle_{i}") for i in range(middle_blocks)]
        self.decoder = [block(width, f"decoder_{i}") for i, width in reversed(list(enumerate(widths)))]
        self.regression = layers.convolution(outputs, 3, "float32", "regression")

    @property
    def receptive_field_radius(self) -> int:
        """Receptive-field radius of both outputs, in pixels of the input."""
        return 2 + 2 * (len(self.encoder) + len(self.middle) + len(self.decoder))

    @property
    def bytes_per_pixel(self) -> float:
        """Peak memory of one evaluation, in bytes per pixel of the input; measured to be sufficient on CPUs.

        It counts the stored features, and four times those of the widest block.
        """
        widths = [block.filters for block in self.encoder]
        return (sum(widths) + 4 * 2 * max(widths)) * tf.as_dtype(self.compute_dtype).size + 128

    def call(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes guidance features and regression.

        Args:
          x: φ_k(y), float [batch, height, width, 1 or 3] in [−1, 1].

        Returns:
          h_k [batch, height, width, channels] in the compute dtype; the regression, float32 [batch, height, width, outputs].
        """
        features = self.stem(tf.cast(x, self.compute_dtype))
        stored = []
        for block in self.encoder:
            features = block(features)
            stored.append(features)
        for block in self.middle:
            features = block(features)
        for block in self.decoder:
            features = block(tf.concat([features, stored.pop()], axis=-1))
        return features, self.regression(features)


class Discriminator(keras.layers.Layer):
    """Discriminator of feature maps from two domains: three 3×3 convolutions with leaky ReLUs, one logit per pixel.

    Args:
      channels: width of the two hidden layers (assumed; the paper does not give it).
      name: of the layer.
    """

    def __init__(self, channels: int, name: str) -> None:
        super().__init__(name=name, dtype="float32")
        self.convolutions = [
            layers.convolution(filters, 3, "float32", f"convolution_{number}")
            for number, filters in enumerate((channels, channels, 1))
        ]

    def build(self, input_shape: tuple) -> None:
        shape = input_shape
        for convolution in self.convolutions:
            with tf.name_scope(convolution.name):
                convolution.build(shape)
            shape = (*shape[:-1], convolution.filters)
        super().build(input_shape)

    def call(self, features: tf.Tensor, frozen: bool = False) -> tf.Tensor:
        """Returns logits, float32 [batch, height, width, 1], positive for the first domain.

        Args:
          features: float [batch, height, width, channels].
          frozen: whether its own weights are constants, so that a loss of the logits trains the network of the features only.
        """
        hold = tf.stop_gradient if frozen else tf.convert_to_tensor
        x = features
        for number, convolution in enumerate(self.convolutions):
            if number:
                x = tf.nn.leaky_relu(x)
            x = tf.nn.conv2d(x, hold(convolution.kernel), 1, "SAME") + hold(convolution.bias)
        return x
