"""The guidance network of one scale (arXiv 2212.01789, §3.2 and Fig. 10)."""

import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.blocks import ResidualBlock
from icdpm.networks.layers import Network, convolution


@keras.saving.register_keras_serializable(package="icdpm")
class GuidanceNetwork(Network):
    """H and R of eq. 2: a U-shaped residual network without resampling and without noise level.

    3×3 stem; one residual block at each width; middle blocks; one residual block at each width again, from the widest,
    each concatenating the first half's output of that width. The last block's output is the guidance feature h_k; one
    further 3×3 convolution regresses the clean image at this scale from it.

    Args:
      channels: base width C; h_k has C channels.
      outputs: 1 (gray targets) or 3 (RGB targets).
      multipliers: widths over C.
      middle_blocks: residual blocks between the two halves.
      zero_last: see `ResidualBlock`.
      name, dtype: see `Network`; the regression output is always float32.
    """

    def __init__(
        self,
        channels,
        *,
        outputs=1,
        multipliers=(1, 2, 3, 4),
        middle_blocks=2,
        zero_last=True,
        name="guidance",
        dtype="float32",
    ):
        arguments = {"outputs": outputs, "multipliers": tuple(multipliers), "middle_blocks": middle_blocks}
        super().__init__(name, dtype, channels=channels, **arguments, zero_last=zero_last)

        def block(filters, block_name):
            return ResidualBlock(filters, dtype, block_name, zero_last=zero_last)

        widths = [channels * multiplier for multiplier in multipliers]
        self.stem = convolution(channels, 3, dtype, "stem")
        self.encoder = [block(width, f"encoder_{i}") for i, width in enumerate(widths)]
        self.middle = [block(widths[-1], f"middle_{i}") for i in range(middle_blocks)]
        self.decoder = [block(width, f"decoder_{i}") for i, width in reversed(list(enumerate(widths)))]
        self.regression = convolution(outputs, 3, "float32", "regression")

    @property
    def receptive_field_radius(self):
        """How many pixels of its input beyond a window the outputs within it depend on."""
        return 2 + 2 * (len(self.encoder) + len(self.middle) + len(self.decoder))

    @property
    def bytes_per_pixel(self):
        """Memory that one evaluation holds at its peak, for each pixel of its input; measured to be enough on CPUs.

        The stored features, and those of the widest block, four times over.
        """
        widths = [block.filters for block in self.encoder]
        return (sum(widths) + 4 * 2 * max(widths)) * tf.as_dtype(self.compute_dtype).size + 128

    def call(self, x):
        """x: φ_k(y), float [batch, height, width, 1 or 3] in [−1, 1].

        Returns (h_k [batch, height, width, channels] in the compute dtype, regression float32 [batch, height, width, outputs]).
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
