"""Transformer of HI-Diff: a Restormer-like UNet that a prior guides at three scales."""

from __future__ import annotations

import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.hidiff.blocks import TransformerLevel
from icdpm.networks.hidiff.layers import convolution, linear
from icdpm.networks.hidiff.row_strips import STRIP_FEATURES
from icdpm.networks.layers import Block, Network
from icdpm.networks.operations import from_patches, to_patches

# Scale of the prior and kind of guidance of each level of the encoder, and of the levels of the decoder that mirror them.
_GUIDANCE = {
    "hierarchical": ((0, "integration"), (1, "integration"), (1, "integration"), (2, "modulation")),
    "single": ((0, "integration"),) * 4,
    "none": ((0, None),) * 4,
}

# Memory that TensorFlow keeps for the graph of one block: measured.
_GRAPH_BYTES = 16 * 2**20


class PriorScales(Block):
    """Multi-scale prior of HI-Diff (§3.3): z1 with all tokens, z2 with a quarter of them, z3 with one.

    Each is a linear map over the tokens of the previous one, followed by one over its channels.

    Args:
      tokens: number of tokens of z1; divisible by 4.
      width: channels of a token.
      dtype: a Keras policy.
      name: of the layer.
    """

    def __init__(self, tokens: int, width: int, dtype: str, name: str = "scales") -> None:
        super().__init__(name=name, dtype=dtype)
        counts = {2: tokens // 4, 3: 1}
        self.over_tokens = [linear(count, dtype, f"tokens_{scale}") for scale, count in counts.items()]
        self.over_channels = [linear(width, dtype, f"channels_{scale}") for scale in counts]

    def call(self, prior: tf.Tensor) -> list[tf.Tensor]:
        """Returns [z1, z2, z3] of z1: [batch, tokens, width]."""
        scales = [prior]
        for over_tokens, over_channels in zip(self.over_tokens, self.over_channels):
            fewer = tf.linalg.matrix_transpose(over_tokens(tf.linalg.matrix_transpose(scales[-1])))
            scales.append(over_channels(fewer))
        return scales


@keras.saving.register_keras_serializable(package="icdpm")
class DeblurringTransformer(Network):
    """UNet of four levels of transformer blocks, whose output is added to the image.

    Resolution changes by pixel-unshuffle and pixel-shuffle. Level l works at 1/2^l of the resolution with 2^l·channels
    features. The decoder's first level and the refinement after it have 2·channels: there the features of the encoder are
    concatenated and not reduced. All convolutions are without bias.

    Args:
      channels: base width C.
      blocks: number of blocks at each of the four levels; the decoder has as many as the encoder.
      heads: attention heads at each of the four levels.
      refinement_blocks: blocks after the decoder.
      expansion: of the feed-forward networks.
      guide: 'hierarchical': z1 is integrated at the first level and in the refinement, z2 at the second and third, and z3
        modulates the fourth; 'single': z1 is integrated at every level; 'none': no prior.
      tokens: number of tokens of the prior.
      prior_width: channels of a token.
      patch: side of a patch in pixels (1 in the paper). With more, stem and head work on patches, and a small model trains
        faster.
      zero_last: whether everything that is added to features starts at zero, the head included, so that the network starts as
        the identity; for short training.
      name: first part of the weights' names.
      dtype: Keras policy of the layers, such as 'mixed_bfloat16'; the output is always float32.
    """

    size_multiple = 8  # of height and width, in patches

    def __init__(
        self,
        channels: int,
        blocks: tuple[int, ...],
        heads: tuple[int, ...],
        refinement_blocks: int,
        expansion: float,
        *,
        guide: str,
        tokens: int = 16,
        prior_width: int = 256,
        patch: int = 1,
        zero_last: bool = False,
        name: str = "transformer",
        dtype: str = "float32",
    ) -> None:
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
        self.scale_of_level = [scale for scale, _ in _GUIDANCE[guide]]

        def level(index, width, count, name):
            _, guidance = _GUIDANCE[guide][index]
            return TransformerLevel(width, heads[index], expansion, count, dtype, name, guidance=guidance, zero_last=zero_last)

        widths = [channels * 2**index for index in range(4)]
        self.stem = convolution(channels, 3, dtype, "stem")
        self.encoder = [level(index, widths[index], blocks[index], f"encoder_{index}") for index in range(3)]
        self.down = [convolution(widths[index] // 2, 3, dtype, f"down_{index}") for index in range(3)]
        self.bottleneck = level(3, widths[3], blocks[3], "bottleneck")
        self.up = [convolution(2 * widths[index + 1], 3, dtype, f"up_{index}") for index in range(3)]
        # None at the first level, whose concatenated features are not reduced.
        self.reduce: list = [None, *(convolution(widths[index], 1, dtype, f"reduce_{index}") for index in (1, 2))]
        self.decoder = [level(index, max(widths[index], 2 * channels), blocks[index], f"decoder_{index}") for index in range(3)]
        self.refinement = level(0, 2 * channels, refinement_blocks, "refinement")
        self.head = convolution(3 * patch**2, 3, "float32", "head", zero=zero_last)

    @property
    def bytes_per_pixel(self) -> float:
        """Peak memory of one evaluation, in bytes per pixel, of a graph for images of any size.

        The peak lies in the refinement: the features before and after a step in strips, and their concatenation.
        """
        return (3 * 2 * self.channels) * tf.as_dtype(self.compute_dtype).size / self.patch**2 + 128

    @property
    def working_bytes(self) -> int:
        """Memory that does not depend on the image, in bytes: a feed-forward network's branches in a strip, and the graph."""
        levels = (*self.encoder, self.bottleneck, *self.decoder, self.refinement)
        strip = int(STRIP_FEATURES * (6 * self.expansion + 6) * tf.as_dtype(self.compute_dtype).size)
        return strip + _GRAPH_BYTES * sum(len(level.blocks) for level in levels)

    def call(self, images: tf.Tensor, prior: tf.Tensor | None = None) -> tf.Tensor:
        """Restores images.

        Args:
          images: float32 [batch, height, width, 3] in [0, 1]; height and width divisible by 8·patch.
          prior: z1, float32 [batch, tokens, prior_width]; None without guidance.

        Returns:
          float32 of the shape of the images, not clipped.
        """
        return self.features(images, prior)["image"]

    def features(self, images: tf.Tensor, prior: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Returns the output of every level by name, and the restored 'image' last; arguments as in `call`."""
        priors = [prior] if self.scales is None else self.scales(prior)
        priors = [priors[scale] for scale in self.scale_of_level]
        outputs = {}
        x = self.stem(to_patches(tf.cast(images, self.compute_dtype), self.patch))
        for index, (level, down) in enumerate(zip(self.encoder, self.down)):
            outputs[f"encoder_{index}"] = x = level(x, priors[index])
            x = _pixel_unshuffle(down(x))
        outputs["bottleneck"] = x = self.bottleneck(x, priors[3])
        for index in (2, 1, 0):
            x = tf.concat([tf.nn.depth_to_space(self.up[index](x), 2), outputs[f"encoder_{index}"]], axis=-1)
            if self.reduce[index] is not None:
                x = self.reduce[index](x)
            outputs[f"decoder_{index}"] = x = self.decoder[index](x, priors[index])
        outputs["refinement"] = x = self.refinement(x, priors[0])
        outputs["image"] = from_patches(self.head(x), self.patch) + images
        return outputs


def _pixel_unshuffle(x):
    """Moves 2×2 pixels to channels in PyTorch's order, those of one channel adjacent: attention heads are groups of these."""
    channels = x.shape[-1]
    shuffled = tf.nn.space_to_depth(x, 2)
    shape = tf.shape(shuffled)
    by_place = tf.reshape(shuffled, [shape[0], shape[1], shape[2], 4, channels])
    ordered = tf.reshape(tf.transpose(by_place, [0, 1, 2, 4, 3]), shape)
    return tf.ensure_shape(ordered, [*shuffled.shape[:3], 4 * channels])
