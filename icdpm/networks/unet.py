"""The denoising UNet of icDPM (arXiv 2212.01789, Fig. 10; the layout is recovered from its Table 11)."""

import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.activations import swish
from icdpm.networks.blocks import ResidualBlock
from icdpm.networks.embedding import NoiseLevelEmbedding
from icdpm.networks.layers import Network, convolution, take_each


@keras.saving.register_keras_serializable(package="icdpm")
class UNet(Network):
    """A fully convolutional UNet conditioned on the noise level and, in its encoder, on guidance features.

    Encoder: `encoder_blocks` residual blocks a level; decoder: one more a level, each concatenating one stored encoder
    feature (the stem, every encoder block, every downsampling block). Between levels a residual block also resamples. No
    attention and no normalisation. Level l works at 1/2^l of the resolution with multipliers[l]·channels features.

    With a `patch` p above 1, p×p pixels become channels before the stem and come back after the head (space to depth, as in
    Shi et al., arXiv 1609.05158): level l works at 1/(p·2^l), and features p times as wide cost as much as before.

    Args:
      channels: base width C.
      multipliers: width of each level over C; the number of levels.
      encoder_blocks: residual blocks a level in the encoder.
      middle_blocks: residual blocks at the lowest resolution between encoder and decoder.
      guided_levels: levels whose encoder blocks receive guidance features.
      shared_projection: whether the blocks of a guided level add the output of one convolution of the guidance features; else
        each has a convolution of its own.
      outputs: channels of the output.
      patch: pixels to a side of a patch.
      embedded: whether it is conditioned on a noise level; a network that regresses at once is not.
      embedding_scale: see `NoiseLevelEmbedding`.
      dropout, zero_last: see `ResidualBlock`.
      name, dtype: see `Network`; the output is always float32.
    """

    def __init__(
        self,
        channels,
        *,
        multipliers=(1, 2, 3, 4),
        encoder_blocks=3,
        middle_blocks=2,
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
            "encoder_blocks": encoder_blocks,
            "middle_blocks": middle_blocks,
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

        def block(filters, block_name, **kind):
            return ResidualBlock(filters, dtype, block_name, embedded=embedded, dropout=dropout, zero_last=zero_last, **kind)

        widths = [channels * multiplier for multiplier in multipliers]
        levels = range(len(widths))
        self.guided_levels = tuple(guided_levels)
        own, shared = ((), self.guided_levels) if shared_projection else (self.guided_levels, ())
        self.patch = patch
        self.blocks_per_level = encoder_blocks
        self.embedding = NoiseLevelEmbedding(channels, embedding_scale, dtype) if embedded else None
        self.stem = convolution(channels, 3, dtype, "stem")
        # Flat lists, level by level: Keras saves lists of layers, but not lists of lists.
        self.encoder = [
            block(widths[level], f"encoder_{level}_{i}", guided=level in own) for level in levels for i in range(encoder_blocks)
        ]
        self.projections = {str(level): convolution(widths[level], 3, dtype, f"guidance_{level}") for level in shared}
        self.down = [block(widths[level], f"down_{level}", resample="down") for level in levels[:-1]]
        self.middle = [block(widths[-1], f"middle_{i}") for i in range(middle_blocks)]
        self.decoder = [block(widths[level], f"decoder_{level}_{i}") for level in levels for i in range(encoder_blocks + 1)]
        self.up = [block(widths[level], f"up_{level}", resample="up") for level in levels[1:]]
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
        levels, count = range(len(self.down) + 1), self.blocks_per_level
        for level in levels:
            if level > 0:
                radius = -(-(radius + 2) // 2)  # both convolutions of `up` lie above the level
            radius += 2 * (count + 1)
        radius += 2 * len(self.middle)
        for level in reversed(levels):
            radius += 2 * count
            if level > 0:
                radius = 2 * (radius + 2)  # both convolutions of `down` lie at the level
        radius = self.patch * (radius + 1)  # the stem
        return -(-radius // self.size_multiple) * self.size_multiple

    @property
    def bytes_per_pixel(self):
        """Memory that one evaluation holds at its peak, for each pixel; measured to be enough on CPUs.

        At the first level: the stored features, and those of the widest block, four times over.
        """
        encoder, decoder = (blocks[0].filters for blocks in (self.encoder, self.decoder))
        widest = decoder + (self.up[0].filters if self.up else encoder)
        stored = encoder * (self.blocks_per_level + 1)
        return (stored + 4 * widest) * tf.as_dtype(self.compute_dtype).size / self.patch**2 + 128

    def call(self, x, noise_level=None, guidance=None, dropout_seed=None):
        """One evaluation.

        Args:
          x: float [batch, height, width, inputs]; height and width divisible by `factor`.
          noise_level: √γ, float32 [batch]; None where it is not conditioned on one.
          guidance: {level: features [batch, height/(patch·2^level), width/(patch·2^level), any]} with every guided level;
            None if unguided.
          dropout_seed: stateless seed (int32 [2]) in training with dropout, else None.

        Returns:
          float32 [batch, height, width, outputs].
        """
        embedding = None if self.embedding is None else self.embedding(noise_level)
        number = 0

        def apply(block, features, level_guidance=None):
            nonlocal number
            number += 1
            seed = None if dropout_seed is None else tf.random.experimental.stateless_fold_in(dropout_seed, number)
            return block(features, embedding, level_guidance, seed)

        if self.patch > 1:
            x = tf.nn.space_to_depth(x, self.patch)
        features = self.stem(tf.cast(x, self.compute_dtype))
        stored = [features]
        levels, count = range(len(self.down) + 1), self.blocks_per_level
        for level, blocks in enumerate(take_each(self.encoder, [count for _ in levels])):
            level_guidance = guidance[level] if level in self.guided_levels else None
            if str(level) in self.projections:
                level_guidance = self.projections[str(level)](level_guidance)
            for block in blocks:
                features = apply(block, features, level_guidance)
                stored.append(features)
            if level < len(self.down):
                features = apply(self.down[level], features)
                stored.append(features)
        for block in self.middle:
            features = apply(block, features)
        decoder = list(take_each(self.decoder, [count + 1 for _ in levels]))
        for level in reversed(levels):
            for block in decoder[level]:
                features = apply(block, tf.concat([features, stored.pop()], axis=-1))
            if level > 0:
                features = apply(self.up[level - 1], features)
        output = self.head(swish(features))
        return tf.nn.depth_to_space(output, self.patch) if self.patch > 1 else output
