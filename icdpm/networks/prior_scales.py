"""The multi-scale prior of HI-Diff: z1, and what is made of it for lower resolutions."""

import tensorflow as tf

from icdpm.networks.layers import Block
from icdpm.networks.linear_maps import linear


class PriorScales(Block):
    """z1 with all tokens, z2 with a quarter of them, z3 with one (Chen et al., NeurIPS 2023, §3.3).

    Each is a linear map over the tokens of the one before, then one over its channels.

    Args:
      tokens: of z1; divisible by 4.
      width: channels of a token.
      dtype: Keras policy.
    """

    def __init__(self, tokens, width, dtype, name="scales"):
        super().__init__(name=name, dtype=dtype)
        counts = {2: tokens // 4, 3: 1}
        self.over_tokens = [linear(count, dtype, f"tokens_{scale}") for scale, count in counts.items()]
        self.over_channels = [linear(width, dtype, f"channels_{scale}") for scale in counts]

    def call(self, prior):
        """z1 [batch, tokens, width] → [z1, z2, z3]."""
        scales = [prior]
        for over_tokens, over_channels in zip(self.over_tokens, self.over_channels):
            fewer = tf.linalg.matrix_transpose(over_tokens(tf.linalg.matrix_transpose(scales[-1])))
            scales.append(over_channels(fewer))
        return scales
