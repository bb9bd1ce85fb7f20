"""The transformer of HI-Diff: a Restormer-like UNet that a prior guides at three scales."""

import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.in_strips import FEATURES
from icdpm.networks.layers import Network
from icdpm.networks.linear_maps import convolution
from icdpm.networks.prior_scales import PriorScales
from icdpm.networks.transformer_level import TransformerLevel

# Which scale of the prior each level is told of, in which way: the encoder's levels, and the decoder's that mirror them.
_HIERARCHICAL = ((0, "integration"), (1, "integration"), (1, "integration"), (2, "modulation"))
_SINGLE = ((0, "integration"),) * 4
_UNTOLD = ((0, None),) * 4

# What TensorFlow keeps of the graph of a block: measured.
_GRAPH = 16 * 2**20


@keras.saving.register_keras_serializable(package="icdpm")
class DeblurringTransformer(Network):
    """Four levels of transformer blocks, down by pixel-unshuffle and up by pixel-shuffle; the picture is added at the end.

    Level l works at 1/2^l of the resolution with 2^l·channels features. The decoder's first level and the refinement after it
    have 2·channels: the encoder's features are concatenated there and not reduced. All convolutions are without bias.

    Args:
      channels: base width C.
      blocks: blocks of the four levels; the decoder has as many.
      heads: of the four levels.
      refinement_blocks: after the decoder.
      expansion: of the feed-forward networks.
      guide: 'hierarchical': z1 is integrated at the first level and in the refinement, z2 at the second and third, and z3
        modulates the fourth; 'single': z1 is integrated at every level; 'none'.
      tokens, prior_width: shape of the prior.
      patch: pixels to a side of what it sees as one pixel (1: the paper's): a small model learns more in the same time on
        patches. Stem and head are then of all pixels of a patch.
      zero_last: whether all that is added to features starts at zero, and the head too, so that the restored picture starts
        as the blurry one: for short training.
      name, dtype: see `Network`; the output is always float32.
    """

    def __init__(
        self,
        channels,
        blocks,
        heads,
        refinement_blocks,
        expansion,
        *,
        guide,
        tokens=16,
        prior_width=256,
        patch=1,
        zero_last=False,
        name="transformer",
        dtype="float32",
    ):
        arguments = {
            "channels": channels,
            "blocks": tuple(blocks),
            "heads": tuple(heads),
            "refinement_blocks": refinement_blocks,
            "expansion": expansion,
            "guide": guide,
            "tokens": tokens,
            "prior_width": prior_width,
            "patch": patch,
            "zero_last": zero_last,
        }
        super().__init__(name, dtype, **arguments)
        self.channels = channels
        self.expansion = expansion
        self.patch = patch
        self.scales = PriorScales(tokens, prior_width, "float32") if guide == "hierarchical" else None
        told = {"hierarchical": _HIERARCHICAL, "single": _SINGLE, "none": _UNTOLD}[guide]
        self.scale_of_level = [scale for scale, _ in told]

        def level(index, width, count, name):
            way = told[index][1]
            return TransformerLevel(width, heads[index], expansion, count, dtype, name, told=way, zero_last=zero_last)

        widths = [channels * 2**index for index in range(4)]
        self.stem = convolution(channels, 3, dtype, "stem")
        self.encoder = [level(index, widths[index], blocks[index], f"encoder_{index}") for index in range(3)]
        self.down = [convolution(widths[index] // 2, 3, dtype, f"down_{index}") for index in range(3)]
        self.bottleneck = level(3, widths[3], blocks[3], "bottleneck")
        self.up = [convolution(2 * widths[index + 1], 3, dtype, f"up_{index}") for index in range(3)]
        # None at the first level, whose features stay as wide as both together.
        self.reduce = [None, *(convolution(widths[index], 1, dtype, f"reduce_{index}") for index in (1, 2))]
        self.decoder = [level(index, max(widths[index], 2 * channels), blocks[index], f"decoder_{index}") for index in range(3)]
        self.refinement = level(0, 2 * channels, refinement_blocks, "refinement")
        self.head = convolution(3 * patch**2, 3, "float32", "head", zero=zero_last)

    size_multiple = 8  # height and width, in patches, must be divisible by this

    @property
    def bytes_per_pixel(self):
        """Memory that one evaluation holds at its peak, for each pixel, where its graph takes pictures of any size.

        In the refinement: the features that a step in strips begins with and those that it makes, and those put together.
        """
        return (3 * 2 * self.channels) * tf.as_dtype(self.compute_dtype).size / self.patch**2 + 128

    @property
    def working_bytes(self):
        """What it works with in a strip: both branches of a feed-forward network, before and after each of its steps. Besides,
        what TensorFlow keeps of the graph."""
        levels = (*self.encoder, self.bottleneck, *self.decoder, self.refinement)
        strip = int(FEATURES * (6 * self.expansion + 6) * tf.as_dtype(self.compute_dtype).size)
        return strip + _GRAPH * sum(len(level.blocks) for level in levels)

    def call(self, images, prior=None):
        """One pass.

        Args:
          images: float32 [batch, height, width, 3] in [0, 1]; height and width divisible by 8·patch.
          prior: z1, float32 [batch, tokens, prior_width]; None where nothing guides it.

        Returns:
          float32, of the images' shape, not clipped.
        """
        return self.features(images, prior)["picture"]

    def features(self, images, prior=None):
        """What every level makes, by name, the 'picture' last; as of `call`."""
        priors = [prior] if self.scales is None else self.scales(prior)

        def told(index):
            return priors[self.scale_of_level[index]]

        made = {}
        x = self.stem(self._patched(tf.cast(images, self.compute_dtype)))
        for index, (level, down) in enumerate(zip(self.encoder, self.down)):
            made[f"encoder_{index}"] = x = level(x, told(index))
            x = _pixel_unshuffle(down(x))
        made["bottleneck"] = x = self.bottleneck(x, told(3))
        for index in (2, 1, 0):
            x = tf.concat([tf.nn.depth_to_space(self.up[index](x), 2), made[f"encoder_{index}"]], axis=-1)
            if self.reduce[index] is not None:
                x = self.reduce[index](x)
            made[f"decoder_{index}"] = x = self.decoder[index](x, told(index))
        made["refinement"] = x = self.refinement(x, told(0))
        made["picture"] = self._unpatched(self.head(x)) + images
        return made

    def _patched(self, x):
        return x if self.patch == 1 else tf.nn.space_to_depth(x, self.patch)

    def _unpatched(self, x):
        return x if self.patch == 1 else tf.nn.depth_to_space(x, self.patch)


def _pixel_unshuffle(x):
    """2×2 pixels become channels, those of one channel side by side (as PyTorch orders them): heads are groups of these."""
    channels = x.shape[-1]
    shuffled = tf.nn.space_to_depth(x, 2)
    shape = tf.shape(shuffled)
    by_place = tf.reshape(shuffled, [shape[0], shape[1], shape[2], 4, channels])
    ordered = tf.reshape(tf.transpose(by_place, [0, 1, 2, 4, 3]), shape)
    return tf.ensure_shape(ordered, [*shuffled.shape[:3], 4 * channels])
