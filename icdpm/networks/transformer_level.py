"""One level of HI-Diff's transformer: what tells it of the prior, and its blocks."""

from icdpm.networks.gated_feed_forward import GatedFeedForward
from icdpm.networks.in_strips import in_strips, is_of_known_size, sum_over_strips
from icdpm.networks.integration import HierarchicalIntegration
from icdpm.networks.layer_norm import LayerNorm
from icdpm.networks.layers import Block
from icdpm.networks.transposed_attention import TransposedAttention


class TransformerBlock(Block):
    """x + attention(norm(x)), then x + feed-forward(norm(x)).

    Args:
      channels, heads: see `TransposedAttention`.
      expansion: see `GatedFeedForward`.
      dtype: Keras policy.
      modulated: whether both are told of the coarsest prior by modulation.
      zero_last: whether both start at zero.
    """

    def __init__(self, channels, heads, expansion, dtype, name, *, modulated=False, zero_last=False):
        super().__init__(name=name, dtype=dtype)
        self.norm_1 = LayerNorm(name="norm_1", dtype=dtype)
        self.attention = TransposedAttention(channels, heads, dtype, modulated=modulated, zero_last=zero_last)
        self.norm_2 = LayerNorm(name="norm_2", dtype=dtype)
        self.feed_forward = GatedFeedForward(channels, expansion, dtype, modulated=modulated, zero_last=zero_last)

    def call(self, x, token=None):
        """x [batch, height, width, channels]; token [batch, 1, width of the prior] where it is modulated."""
        if is_of_known_size(x):
            x += self.attention(self.norm_1(x), token)
            return x + self.feed_forward(self.norm_2(x), token)
        sums = sum_over_strips(lambda strip, own: self.attention.sums(self.norm_1(strip), own, token), x, halo=1)
        weights = self.attention.attention_map(*sums)
        x = in_strips(lambda strip: strip + self.attention.weighed(self.norm_1(strip), weights, token), x, halo=1)
        return in_strips(lambda strip: strip + self.feed_forward(self.norm_2(strip), token), x, halo=1)


class TransformerLevel(Block):
    """Blocks of one width at one resolution, told of the prior in one of two ways, or not at all.

    Args:
      channels, heads, expansion: see `TransformerBlock`.
      blocks: how many.
      dtype: Keras policy.
      told: 'integration': by one `HierarchicalIntegration` before the blocks; 'modulation': within every block; None.
      zero_last: whether all that is added to the features starts at zero.
    """

    def __init__(self, channels, heads, expansion, blocks, dtype, name, *, told=None, zero_last=False):
        super().__init__(name=name, dtype=dtype)
        self.integration = None
        if told == "integration":
            self.integration = HierarchicalIntegration(channels, heads, dtype, zero_last=zero_last)
        self.modulated = told == "modulation"
        self.blocks = [
            TransformerBlock(
                channels, heads, expansion, dtype, f"block_{number}", modulated=self.modulated, zero_last=zero_last
            )
            for number in range(blocks)
        ]

    def call(self, x, tokens=None):
        """x [batch, height, width, channels]; tokens [batch, number, width of the prior], one where it modulates."""
        if self.integration is not None:
            if is_of_known_size(x):
                x = self.integration(x, tokens)
            else:
                x = in_strips(lambda strip: self.integration(strip, tokens), x)
        for block in self.blocks:
            x = block(x, tokens if self.modulated else None)
        return x
