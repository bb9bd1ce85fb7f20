"""Gated-Dconv feed-forward network (GDFN; Zamir et al., *Restormer*, CVPR 2022, eq. 2)."""

import tensorflow as tf

from icdpm.networks.layers import Block
from icdpm.networks.linear_maps import convolution, depthwise_convolution
from icdpm.networks.modulation import PriorModulation


class GatedFeedForward(Block):
    """Two branches of a 1×1 and a 3×3 depthwise convolution; GELU of the one times the other, and a 1×1 convolution.

    Args:
      channels: of input and output.
      expansion: width of a branch over `channels`, rounded down.
      dtype: Keras policy.
      modulated: whether it is told of the prior by `PriorModulation`.
      zero_last: whether its last convolution starts at zero.
    """

    def __init__(self, channels, expansion, dtype, *, modulated=False, zero_last=False, name="feed_forward"):
        super().__init__(name=name, dtype=dtype)
        self.modulation = PriorModulation(channels, dtype) if modulated else None
        self.project_in = convolution(2 * int(channels * expansion), 1, dtype, "project_in")
        self.depthwise = depthwise_convolution(3, dtype, "depthwise")
        self.project_out = convolution(channels, 1, dtype, "project_out", zero=zero_last)

    def call(self, x, token=None):
        """x [batch, height, width, channels]; token: the coarsest prior [batch, 1, its width] where it is modulated."""
        if self.modulation is not None:
            x = self.modulation(x, token)
        gate, value = tf.split(self.depthwise(self.project_in(x)), 2, axis=-1)
        return self.project_out(tf.nn.gelu(gate) * value)
