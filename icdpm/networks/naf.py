"""Networks of NAF blocks (Chen et al., "Simple Baselines for Image Restoration", arXiv 2204.04676): UNet and guidance network.

The block receives the noise level and guidance features in addition.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from icdpm.keras import add_float32_weight, keras
from icdpm.networks.blocks import NoiseLevelEmbedding
from icdpm.networks.layers import Block, Network, Normal, VarianceScaling, convolution, dense, depthwise_convolution, take_each
from icdpm.networks.operations import from_patches, layer_norm, to_patches
from icdpm.networks.unet import GuidedUNet


@tf.custom_gradient
def simple_gate(x: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Returns the product of the two halves of the channels: [..., 2·channels] → [..., channels] (eq. 4).

    The gradient concatenates its halves, where TensorFlow's own pads each with zeros and adds both.
    """
    width = x.shape[-1] // 2  # slices: with tf.split, restored images differ in some bytes
    first, second = x[..., :width], x[..., width:]

    def gradient(upstream):
        return tf.concat([upstream * second, upstream * first], axis=-1)

    return first * second, gradient


class ScaledProjection(keras.layers.Layer):
    """1×1 convolution with bias and a trained scale per output; the last layer of each branch of a NAF block.

    The kernel is scaled, not the output, so that the cost of the scale does not depend on the resolution.

    Args:
      filters: output channels.
      dtype: a Keras policy.
      name: of the layer.
      zero: whether the scales start at zero, otherwise at one.
    """

    def __init__(self, filters: int, dtype: str, name: str, zero: bool) -> None:
        super().__init__(name=name, dtype=dtype)
        self.filters = filters
        self.zero = zero

    def build(self, input_shape: tuple) -> None:
        self.kernel = add_float32_weight(self, "kernel", [1, 1, input_shape[-1], self.filters], VarianceScaling())
        self.bias = add_float32_weight(self, "bias", [self.filters], "zeros")
        self.scale = add_float32_weight(self, "scale", [self.filters], "zeros" if self.zero else "ones")
        super().build(input_shape)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns [batch, height, width, filters] of x: [batch, height, width, channels]."""
        kernel, bias = (tf.cast(each * self.scale, self.compute_dtype) for each in (self.kernel, self.bias))
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, strides=1, padding="SAME"), bias)


class NAFBlock(Block):
    """NAF block: two residual branches of the same width.

    First branch: layer norm, (+ Dense(noise embedding)), (+ 3×3 conv(guidance)), 1×1 conv to twice the width, depthwise 3×3
    conv, gate, (dropout), scaled 1×1 conv. Second branch: layer norm, 1×1 conv to twice the width, gate, (dropout), scaled
    1×1 conv.

    The paper's channel attention is omitted: its mean over the whole image would make a tile depend on all others.

    Args:
      filters: channels of input and output.
      dtype: a Keras policy.
      name: of the layer.
      embedded: whether the block receives a noise-level embedding.
      guided: whether the block has a 3×3 convolution of its own for the guidance features. Without one, `guidance` is added
        unchanged: it is the output of a projection that blocks share.
      dropout: rate of the dropout in both branches; active only where a seed is given.
      zero_last: whether the scales of both branches start at zero, so that the block starts as its skip.
    """

    receptive_field_radius = 1

    def __init__(
        self,
        filters: int,
        dtype: str,
        name: str,
        *,
        embedded: bool = False,
        guided: bool = False,
        dropout: float = 0.0,
        zero_last: bool = True,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.filters = filters
        self.dropout = dropout
        self.embedding = dense(filters, dtype, "embedding") if embedded else None
        self.guidance = convolution(filters, 3, dtype, "guidance") if guided else None
        self.expansion_1 = convolution(2 * filters, 1, dtype, "expansion_1")
        # An output has nine inputs; Keras' own initializer would count nine times the number of channels.
        self.depthwise = depthwise_convolution(3, dtype, "depthwise", initializer=Normal(stddev=1 / 3))
        self.projection_1 = ScaledProjection(filters, dtype, "projection_1", zero_last)
        self.expansion_2 = convolution(2 * filters, 1, dtype, "expansion_2")
        self.projection_2 = ScaledProjection(filters, dtype, "projection_2", zero_last)

    def call(
        self,
        x: tf.Tensor,
        embedding: tf.Tensor | None = None,
        guidance: tf.Tensor | None = None,
        dropout_seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Applies the block to x: [batch, height, width, filters]; arguments as in `ResidualBlock.call`."""
        features = layer_norm(x)
        if self.embedding is not None:
            features += self.embedding(embedding)[:, None, None, :]
        if guidance is not None:
            features += guidance if self.guidance is None else self.guidance(guidance)
        features = simple_gate(self.depthwise(self.expansion_1(features)))
        x += self.projection_1(self._dropped(features, dropout_seed, 1))
        features = simple_gate(self.expansion_2(layer_norm(x)))
        return x + self.projection_2(self._dropped(features, dropout_seed, 2))

    def _dropped(self, features, seed, branch):
        if not self.dropout or seed is None:
            return features
        seed = tf.random.experimental.stateless_fold_in(seed, branch)
        return tf.nn.experimental.stateless_dropout(features, self.dropout, seed)


@keras.saving.register_keras_serializable(package="icdpm")
class NAFUNet(GuidedUNet):
    """Fully convolutional UNet of NAF blocks, conditioned on the noise level and, in its encoder, on guidance features.

    The layout is that of NAFNet. Level l works at 1/(patch·2^l) of the resolution with multipliers[l]·channels features. Levels
    are connected by a 2×2 convolution of stride 2 on the way down, and by a 1×1 convolution whose outputs become 2×2 pixels on
    the way up. The output of a level's encoder is added to the input of its decoder: an addition costs almost nothing, whereas
    concatenation would need one more convolution at each level.

    The interface is that of `icdpm.networks.unet.UNet`.

    Args:
      channels: base width C.
      multipliers: width of each level over C.
      blocks: number of blocks at each level, from the first down to the lowest and up again to the first:
        (1, 1, 2, 6, 1, 1, 1) has 6 at the lowest of 4 levels.
      guided_levels: levels whose encoder blocks receive guidance features; the lowest level belongs to the encoder.
      shared_projection: whether the blocks of a guided level share one convolution of the guidance features; otherwise each has
        a convolution of its own.
      patch: side of a patch, in pixels.
      embedded: whether the network is conditioned on a noise level.
      embedding_scale: see `NoiseLevelEmbedding`.
      dropout: rate of the dropout in both branches of each block; active only where a seed is given.
      zero_last: whether the scales of both branches of each block, and the head, start at zero.
      name: first part of the weights' names.
      dtype: Keras policy of the layers, such as 'mixed_bfloat16'; the output is always float32.
    """

    def __init__(
        self,
        channels: int,
        *,
        multipliers: tuple[int, ...],
        blocks: tuple[int, ...],
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
            "blocks": tuple(blocks),
            "guided_levels": tuple(guided_levels),
            "shared_projection": shared_projection,
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
        self.encoder = [
            block for level, count in enumerate(self.encoder_counts) for block in stack("encoder", level, count, level in own)
        ]
        self.projections = {str(level): convolution(widths[level], 3, dtype, f"guidance_{level}") for level in shared}
        self.down = [resampling(widths[level + 1], 2, f"down_{level}") for level in range(lowest)]
        self.up = [resampling(4 * widths[level], 1, f"up_{level}") for level in range(lowest)]
        self.decoder = [block for level, count in enumerate(self.decoder_counts) for block in stack("decoder", level, count)]
        self.head = convolution(3 * patch**2, 3, "float32", "head", zero=zero_last)

    @property
    def receptive_field_radius(self) -> int:
        """Receptive-field radius in pixels, rounded up to a multiple of `size_multiple`, at which tiles begin and end.

        It is counted from the head to the stem through the lowest resolution, where it is larger than through any skip.
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
    def bytes_per_pixel(self) -> float:
        """Peak memory of one evaluation, in bytes per pixel; measured to be sufficient on CPUs.

        The peak lies within a block of the first level: seven times its width in the compute dtype and twice in float32, and
        once more for the output of a shared projection.
        """
        maps = 8 if "0" in self.projections else 7
        size = maps * tf.as_dtype(self.compute_dtype).size + 2 * tf.float32.size
        return self.encoder[0].filters * size / self.patch**2 + 128

    def call(
        self,
        x: tf.Tensor,
        noise_level: tf.Tensor | None = None,
        guidance: dict[int, tf.Tensor] | None = None,
        dropout_seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Evaluates the network; arguments and result as in `icdpm.networks.unet.UNet.call`."""
        embedding = None if self.embedding is None else self.embedding(noise_level)
        seeds = self.block_seeds(dropout_seed)
        features = self.stem(tf.cast(to_patches(x, self.patch), self.compute_dtype))
        stored = []
        for level, blocks in enumerate(take_each(self.encoder, self.encoder_counts)):
            level_guidance = self.level_guidance(guidance, level)
            for block in blocks:
                features = block(features, embedding, level_guidance, next(seeds))
            if level < len(self.down):
                stored.append(features)
                features = self.down[level](features)
        for up, blocks in reversed(list(zip(self.up, take_each(self.decoder, self.decoder_counts)))):
            features = tf.nn.depth_to_space(up(features), 2) + stored.pop()
            for block in blocks:
                features = block(features, embedding, None, next(seeds))
        return from_patches(self.head(features), self.patch)


@keras.saving.register_keras_serializable(package="icdpm")
class NAFGuidanceNetwork(Network):
    """Networks H and R of eq. 2 of arXiv 2212.01789: 3×3 stem, NAF blocks, and a 3×3 convolution that regresses the image.

    The output of the last block is the guidance feature h_k. All blocks have the same width, since nothing is resampled.

    The interface is that of `icdpm.networks.guidance.GuidanceNetwork`.

    Args:
      channels: width of the blocks, and channels of h_k.
      outputs: 1 (gray targets) or 3 (RGB targets).
      blocks: number of blocks.
      zero_last: see `NAFBlock`.
      name: first part of the weights' names.
      dtype: Keras policy of the layers, such as 'mixed_bfloat16'; the regression is always float32.
    """

    def __init__(
        self,
        channels: int,
        *,
        outputs: int = 1,
        blocks: int,
        zero_last: bool = True,
        name: str = "guidance",
        dtype: str = "float32",
    ) -> None:
        super().__init__(name, dtype, channels=channels, outputs=outputs, blocks=blocks, zero_last=zero_last)
        self.channels = channels
        self.stem = convolution(channels, 3, dtype, "stem")
        self.blocks = [NAFBlock(channels, dtype, f"block_{i}", zero_last=zero_last) for i in range(blocks)]
        self.regression = convolution(outputs, 3, "float32", "regression")

    @property
    def receptive_field_radius(self) -> int:
        """Receptive-field radius of both outputs, in pixels of the input."""
        return 2 + NAFBlock.receptive_field_radius * len(self.blocks)

    @property
    def bytes_per_pixel(self) -> float:
        """Peak memory of one evaluation, in bytes per pixel of the input, counted as in `NAFUNet`."""
        return self.channels * (7 * tf.as_dtype(self.compute_dtype).size + 2 * tf.float32.size) + 128

    def call(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns features and regression; see `icdpm.networks.guidance.GuidanceNetwork.call`."""
        features = self.stem(tf.cast(x, self.compute_dtype))
        for block in self.blocks:
            features = block(features)
        return features, self.regression(features)
