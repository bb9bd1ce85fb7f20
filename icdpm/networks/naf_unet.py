"""A denoising UNet of NAF blocks, laid out as NAFNet is (Chen et al., arXiv 2204.04676)."""

import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.embedding import NoiseLevelEmbedding
from icdpm.networks.layers import Network, convolution, take_each
from icdpm.networks.naf import NAFBlock


@keras.saving.register_keras_serializable(package="icdpm")
class NAFUNet(Network):
    """A fully convolutional UNet conditioned on the noise level and, in its encoder, on guidance features.

    Level l works at 1/(patch·2^l) of the resolution with multipliers[l]·channels features. Between levels lie a 2×2
    convolution of stride 2 on the way down, a 1×1 convolution whose outputs become 2×2 pixels on the way up. What a level's
    encoder ends with is added to what its decoder begins with: their widths are equal, and an addition costs next to nothing
    where concatenation would need a convolution at each level, the first above all.

    Called, and to be called, as `icdpm.networks.unet.UNet` is.

    Args:
      channels: base width C.
      multipliers: width of each level over C.
      blocks: how many blocks there are at each level from the first down to the lowest, and up again to the first:
        (1, 1, 2, 6, 1, 1, 1) has 6 at the lowest of 4 levels.
      guided_levels: levels whose blocks receive guidance features on the way down; the lowest level belongs to it.
      shared_projection: whether the blocks of a guided level add the output of one convolution of the guidance features; else
        each has a convolution of its own.
      outputs: channels of the output.
      patch: pixels to a side of a patch.
      embedded: whether it is conditioned on a noise level.
      embedding_scale: see `NoiseLevelEmbedding`.
      dropout, zero_last: see `NAFBlock`; `zero_last` also of the head.
      name, dtype: see `Network`; the output is always float32.
    """

    def __init__(
        self,
        channels,
        *,
        multipliers,
        blocks,
        guided_levels=(),
        shared_projection=False,
        outputs=3,
        patch=1,
        embedded=True,
        embedding_scale=1000.0,
        dropout=0.0,
        zero_last=True,
        name="unet",
        dtype="float32",
    ):
        arguments = {
            "channels": channels,
            "multipliers": tuple(multipliers),
            "blocks": tuple(blocks),
            "guided_levels": tuple(guided_levels),
            "shared_projection": shared_projection,
            "outputs": outputs,
            "patch": patch,
            "embedded": embedded,
            "embedding_scale": embedding_scale,
            "dropout": dropout,
            "zero_last": zero_last,
        }
        super().__init__(name, dtype, **arguments)
        widths = [channels * multiplier for multiplier in multipliers]
        lowest = len(widths) - 1

        def stack(part, level, count, guided=False):
            options = {"embedded": embedded, "guided": guided, "dropout": dropout, "zero_last": zero_last}
            return [NAFBlock(widths[level], dtype, f"{part}_{level}_{i}", **options) for i in range(count)]

        def resampling(filters, size, block_name):
            return convolution(filters, size, dtype, block_name, bias=False, strides=size)

        self.guided_levels = tuple(guided_levels)
        own, shared = ((), self.guided_levels) if shared_projection else (self.guided_levels, ())
        self.patch = patch
        self.encoder_counts, self.decoder_counts = tuple(blocks[: lowest + 1]), tuple(reversed(blocks[lowest + 1 :]))
        self.embedding = NoiseLevelEmbedding(channels, embedding_scale, dtype) if embedded else None
        self.stem = convolution(channels, 3, dtype, "stem")
        # Flat lists, level by level: Keras saves lists of layers, but not lists of lists.
        encoder = [stack("encoder", level, count, level in own) for level, count in enumerate(self.encoder_counts)]
        self.encoder = sum(encoder, [])
        self.projections = {str(level): convolution(widths[level], 3, dtype, f"guidance_{level}") for level in shared}
        self.down = [resampling(widths[level + 1], 2, f"down_{level}") for level in range(lowest)]
        self.up = [resampling(4 * widths[level], 1, f"up_{level}") for level in range(lowest)]
        self.decoder = sum((stack("decoder", level, count) for level, count in enumerate(self.decoder_counts)), [])
        self.head = convolution(outputs * patch**2, 3, "float32", "head", zero=zero_last)

    @property
    def size_multiple(self):
        """Height and width must be divisible by this."""
        return self.patch * 2 ** len(self.down)

    @property
    def receptive_field_radius(self):
        """How many pixels beyond a window the output within it depends on; windows that begin and end at multiples of
        `factor`. A multiple of `factor` itself.

        Counted from the head to the stem through the lowest resolution, which reaches further than any skip.
        """
        radius = 1  # the head
        for count in self.decoder_counts:
            radius = -(-(radius + NAFBlock.receptive_field_radius * count) // 2)
        for level, count in reversed(list(enumerate(self.encoder_counts))):
            radius += NAFBlock.receptive_field_radius * count
            if level > 0:
                radius *= 2
        radius = self.patch * (radius + 1)  # the stem
        return -(-radius // self.size_multiple) * self.size_multiple

    @property
    def bytes_per_pixel(self):
        """Memory that one evaluation holds at its peak, for each pixel; measured to be enough on CPUs.

        At the first level, within a block: seven times its width in the compute dtype, twice in float32; once more where a
        projection that its blocks share is kept.
        """
        maps = 8 if "0" in self.projections else 7
        size = maps * tf.as_dtype(self.compute_dtype).size + 2 * tf.float32.size
        return self.encoder[0].filters * size / self.patch**2 + 128

    def call(self, x, noise_level=None, guidance=None, dropout_seed=None):
        """One evaluation; arguments and result as of `icdpm.networks.unet.UNet.call`."""
        embedding = None if self.embedding is None else self.embedding(noise_level)
        number = 0

        def apply(blocks, features, level_guidance=None):
            nonlocal number
            for block in blocks:
                number += 1
                seed = None if dropout_seed is None else tf.random.experimental.stateless_fold_in(dropout_seed, number)
                features = block(features, embedding, level_guidance, seed)
            return features

        if self.patch > 1:
            x = tf.nn.space_to_depth(x, self.patch)
        features = self.stem(tf.cast(x, self.compute_dtype))
        stored = []
        for level, blocks in enumerate(take_each(self.encoder, self.encoder_counts)):
            level_guidance = guidance[level] if level in self.guided_levels else None
            if str(level) in self.projections:
                level_guidance = self.projections[str(level)](level_guidance)
            features = apply(blocks, features, level_guidance)
            if level < len(self.down):
                stored.append(features)
                features = self.down[level](features)
        for up, blocks in reversed(list(zip(self.up, take_each(self.decoder, self.decoder_counts)))):
            features = apply(blocks, tf.nn.depth_to_space(up(features), 2) + stored.pop())
        output = self.head(features)
        return tf.nn.depth_to_space(output, self.patch) if self.patch > 1 else output
