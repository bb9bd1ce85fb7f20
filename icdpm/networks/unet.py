"""Denoising UNet of icDPM (arXiv 2212.01789, Fig. 10; the layout is inferred from its Table 11)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.blocks import NoiseLevelEmbedding, ResidualBlock
from icdpm.networks.layers import Network, convolution, take_each
from icdpm.networks.operations import from_patches, swish, to_patches


class GuidedUNet(Network):
    """Base class of UNets with patches, guidance features and seeded dropout.

    Subclasses set the attributes below.

    Attributes:
      patch: side of a patch, in pixels.
      down: layers that halve the resolution.
      guided_levels: levels whose encoder blocks receive guidance features.
      projections: {level as a string: convolution of its guidance features that its blocks share}.
    """

    patch: int
    down: list
    guided_levels: tuple[int, ...]
    projections: dict

    @property
    def size_multiple(self) -> int:
        """Number by which the height and width of the input must be divisible."""
        return self.patch * 2 ** len(self.down)

    def level_guidance(self, guidance: dict[int, tf.Tensor] | None, level: int) -> tf.Tensor | None:
        """Returns the guidance features that the encoder blocks of a level add; None where the level has none."""
        features = (guidance or {})[level] if level in self.guided_levels else None
        return self.projections[str(level)](features) if str(level) in self.projections else features

    @staticmethod
    def block_seeds(dropout_seed: tf.Tensor | None) -> Iterator[tf.Tensor | None]:
        """Yields a dropout seed, two integers, for each block, in the order of evaluation; None without dropout."""
        for number in itertools.count(1):
            yield None if dropout_seed is None else tf.random.experimental.stateless_fold_in(dropout_seed, number)


@keras.saving.register_keras_serializable(package="icdpm")
class UNet(GuidedUNet):
    """Fully convolutional UNet conditioned on the noise level and, in its encoder, on guidance features.

    The encoder has `encoder_blocks` residual blocks per level. The decoder has one more per level, and the input of each is
    concatenated with one stored feature of the encoder (of the stem, every encoder block and every downsampling block). Between
    levels a residual block resamples as well. There is no attention and no normalization. Level l works at 1/2^l of the
    resolution with multipliers[l]·channels features.

    With a `patch` p above 1, p×p pixels become channels before the stem and pixels again after the head (space to depth, as in
    Shi et al., arXiv 1609.05158): level l works at 1/(p·2^l), and features p times as wide cost the same.

    Args:
      channels: base width C.
      multipliers: width of each level over C; the number of levels.
      encoder_blocks: residual blocks per level in the encoder.
      middle_blocks: residual blocks at the lowest resolution between encoder and decoder.
      guided_levels: levels whose encoder blocks receive guidance features.
      shared_projection: whether the blocks of a guided level share one convolution of the guidance features; otherwise each has
        a convolution of its own.
      patch: side of a patch, in pixels.
      embedded: whether the network is conditioned on a noise level; a regression network is not.
      embedding_scale: see `NoiseLevelEmbedding`.
      dropout: rate of the dropout in each block; active only where a seed is given.
      zero_last: whether the last convolution of each block, and the head, start at zero.
      name: first part of the weights' names.
      dtype: Keras policy of the layers, such as 'mixed_bfloat16'; the output is always float32.
    """

    def __init__(
        self,
        channels: int,
        *,
        multipliers: tuple[int, ...] = (1, 2, 3, 4),
        encoder_blocks: int = 3,
        middle_blocks: int = 2,
        guided_levels: tuple[int, ...] = (),
        shared_projection: bool = False,
        patch: int = 1,
        embedded: bool = True,
        embedding_scale: float = 1000.0,
        dropout: float = 0.0,
        zero_last: bool = True,
        name: str = "unet",
        dtype: str = "float32",
    ) -> None:
        arguments = {
            "channels": channels,
            "multipliers": tuple(multipliers),
            "encoder_blocks": encoder_blocks,
            "middle_blocks": middle_blocks,
            "guided_levels": tuple(guided_levels),
            "shared_projection": shared_projection,
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
        self.head = convolution(3 * patch**2, 3, "float32", "head", zero=zero_last)

    @property
    def receptive_field_radius(self) -> int:
        """Receptive-field radius in pixels, rounded up to a multiple of `size_multiple`, at which tiles begin and end.

        It is counted from the head to the stem through the lowest resolution, where it is larger than through any skip.
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
    def bytes_per_pixel(self) -> float:
        """Peak memory of one evaluation, in bytes per pixel; measured to be sufficient on CPUs.

        It counts the stored features of the first level, and four times those of its widest block.
        """
        encoder, decoder = (blocks[0].filters for blocks in (self.encoder, self.decoder))
        widest = decoder + (self.up[0].filters if self.up else encoder)
        stored = encoder * (self.blocks_per_level + 1)
        return (stored + 4 * widest) * tf.as_dtype(self.compute_dtype).size / self.patch**2 + 128

    def call(
        self,
        x: tf.Tensor,
        noise_level: tf.Tensor | None = None,
        guidance: dict[int, tf.Tensor] | None = None,
        dropout_seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Evaluates the network.

        Args:
          x: float [batch, height, width, inputs]; height and width divisible by `size_multiple`.
          noise_level: √γ, float32 [batch]; None for a network that is not `embedded`.
          guidance: {level: features [batch, height/(patch·2^level), width/(patch·2^level), channels]} of every guided level;
            None if there are none.
          dropout_seed: a stateless seed, two integers, in training with dropout, otherwise None.

        Returns:
          float32 [batch, height, width, 3].
        """
        embedding = None if self.embedding is None else self.embedding(noise_level)
        seeds = self.block_seeds(dropout_seed)
        features = self.stem(tf.cast(to_patches(x, self.patch), self.compute_dtype))
        stored = [features]
        levels, count = range(len(self.down) + 1), self.blocks_per_level
        for level, blocks in enumerate(take_each(self.encoder, [count for _ in levels])):
            level_guidance = self.level_guidance(guidance, level)
            for block in blocks:
                features = block(features, embedding, level_guidance, next(seeds))
                stored.append(features)
            if level < len(self.down):
                features = self.down[level](features, embedding, None, next(seeds))
                stored.append(features)
        for block in self.middle:
            features = block(features, embedding, None, next(seeds))
        decoder = list(take_each(self.decoder, [count + 1 for _ in levels]))
        for level in reversed(levels):
            for block in decoder[level]:
                features = block(tf.concat([features, stored.pop()], axis=-1), embedding, None, next(seeds))
            if level > 0:
                features = self.up[level - 1](features, embedding, None, next(seeds))
        return from_patches(self.head(swish(features)), self.patch)
