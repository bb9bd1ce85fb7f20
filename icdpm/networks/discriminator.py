"""A discriminator of feature maps, for adversarial alignment of two domains."""

import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks import layers


class Discriminator(keras.layers.Layer):
    """Tells for each place of a feature map which of two domains it is from: three 3×3 convolutions with leaky ReLUs.

    Args:
      channels: width of the two hidden layers (assumed; the paper says nothing of it).
    """

    def __init__(self, channels, name):
        super().__init__(name=name, dtype="float32")
        self.convolutions = [
            layers.convolution(filters, 3, "float32", f"convolution_{number}")
            for number, filters in enumerate((channels, channels, 1))
        ]

    def build(self, input_shape):
        shape = input_shape
        for convolution in self.convolutions:
            with tf.name_scope(convolution.name):
                convolution.build(shape)
            shape = [*shape[:-1], convolution.filters]
        super().build(input_shape)

    def call(self, features, frozen=False):
        """Logits, float32 [batch, height, width, 1]: above 0 for the first domain.

        Args:
          features: float [batch, height, width, any].
          frozen: whether its own weights are taken as constants, so that a loss of the logits trains what made the features
            only.
        """
        hold = tf.stop_gradient if frozen else tf.convert_to_tensor
        x = features
        for number, convolution in enumerate(self.convolutions):
            if number:
                x = tf.nn.leaky_relu(x)
            x = tf.nn.conv2d(x, hold(convolution.kernel), 1, "SAME") + hold(convolution.bias)
        return x
