"""What tells the bottleneck's attention and feed-forward networks of the prior (HI-Diff's z3)."""

from icdpm.networks.layers import Block
from icdpm.networks.linear_maps import linear


class PriorModulation(Block):
    """x·W₁z3 + W₂z3: each channel scaled and shifted by what the one token of the coarsest prior says.

    Args:
      channels: of the features.
    """

    def __init__(self, channels, dtype, name="modulation"):
        super().__init__(name=name, dtype=dtype)
        self.scale = linear(channels, dtype, "scale")
        self.shift = linear(channels, dtype, "shift")

    def call(self, x, token):
        """x [batch, height, width, channels], token [batch, 1, width of the prior]."""
        return x * self.scale(token)[:, :, None, :] + self.shift(token)[:, :, None, :]
