"""The guidance network of one scale (arXiv 2212.01789, §3.2) of NAF blocks."""

import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.layers import Network, convolution
from icdpm.networks.naf import NAFBlock


@keras.saving.register_keras_serializable(package="icdpm")
class NAFGuidanceNetwork(Network):
    """H and R of eq. 2: 3×3 stem, NAF blocks of one width, and a 3×3 convolution that regresses the clean image.

    The last block's output is the guidance feature h_k. There is no resampling, so nothing calls for other widths.

    Called, and to be called, as `icdpm.networks.guidance.GuidanceNetwork` is.

    Args:
      channels: width; h_k has as many channels.
      outputs: 1 (gray targets) or 3 (RGB targets).
      blocks: number of blocks.
      zero_last: see `NAFBlock`.
      name, dtype: see `Network`; the regression output is always float32.
    """

    def __init__(self, channels, *, outputs=1, blocks, zero_last=True, name="guidance", dtype="float32"):
        super().__init__(name, dtype, channels=channels, outputs=outputs, blocks=blocks, zero_last=zero_last)
        self.channels = channels
        self.stem = convolution(channels, 3, dtype, "stem")
        self.blocks = [NAFBlock(channels, dtype, f"block_{i}", zero_last=zero_last) for i in range(blocks)]
        self.regression = convolution(outputs, 3, "float32", "regression")

    @property
    def receptive_field_radius(self):
        """How many pixels of its input beyond a window the outputs within it depend on."""
        return 2 + NAFBlock.receptive_field_radius * len(self.blocks)

    @property
    def bytes_per_pixel(self):
        """Memory that one evaluation holds at its peak, for each pixel of its input; measured to be enough on CPUs.

        As within a block of `icdpm.networks.naf_unet.NAFUNet`.
        """
        return self.channels * (7 * tf.as_dtype(self.compute_dtype).size + 2 * tf.float32.size) + 128

    def call(self, x):
        """Argument and results as of `icdpm.networks.guidance.GuidanceNetwork.call`."""
        features = self.stem(tf.cast(x, self.compute_dtype))
        for block in self.blocks:
            features = block(features)
        return features, self.regression(features)
