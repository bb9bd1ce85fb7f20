"""Tensor operations of the networks: range of values, activation, normalization, resampling and padding.

Where TensorFlow's own operation, or its gradient, is slow in bfloat16 or has no XLA kernel, an equal form is used here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def to_minus_one_one(images: Any) -> tf.Tensor:
    """Converts images from uint8, uint16, or floats in [−1, 1], to float32 in [−1, 1]."""
    images = tf.convert_to_tensor(images)
    values = tf.cast(images, tf.float32)
    return values / (float(images.dtype.max) / 2) - 1.0 if images.dtype in (tf.uint8, tf.uint16) else values


@tf.function(jit_compile=True, autograph=False)
def _swish_gradient(x, upstream):
    """d(x·σ(x))/dx · upstream, as one fused kernel computed in float32."""
    x32 = tf.cast(x, tf.float32)
    sigmoid = tf.sigmoid(x32)
    slope = sigmoid * (1.0 + x32 * (1.0 - sigmoid))
    return tf.cast(tf.cast(upstream, tf.float32) * slope, x.dtype)


@tf.custom_gradient
def swish(x: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Returns x·σ(x) (Ramachandran et al., 2017) for any shape and any float dtype.

    TensorFlow's own gradient is a chain of element-wise kernels, which in bfloat16 on a CPU takes about as long as the
    convolutions do. Here the forward pass has the form that TensorFlow fuses, and the backward pass is one compiled kernel.
    """

    def gradient(upstream):
        return _swish_gradient(x, upstream)

    return x * tf.sigmoid(x), gradient


def normalize_channels(x: tf.Tensor, epsilon: float = 1e-6) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (x − mean)/√(variance + ε) over the last axis of a float32 tensor, and 1/√(variance + ε)."""
    centered = x - tf.reduce_mean(x, axis=-1, keepdims=True)
    scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centered), axis=-1, keepdims=True) + epsilon)
    return centered * scale, scale


@tf.function(jit_compile=True, autograph=False)
def _layer_norm_gradient(x, upstream):
    """scale·(u − mean(u) − n·mean(u·n)), with n the normalized x, as one fused kernel computed in float32."""
    normalized, scale = normalize_channels(tf.cast(x, tf.float32))
    upstream = tf.cast(upstream, tf.float32)
    mean = tf.reduce_mean(upstream, axis=-1, keepdims=True)
    share = tf.reduce_mean(upstream * normalized, axis=-1, keepdims=True)
    return tf.cast(scale * (upstream - mean - normalized * share), x.dtype)


@tf.custom_gradient
def layer_norm(x: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Normalizes the channels of every pixel to zero mean and unit variance (Ba et al., arXiv 1607.06450).

    It has no trained scale or offset: a 1×1 convolution that follows learns both. Statistics are computed in float32, and the
    backward pass is one compiled kernel. Any shape [..., channels] and any float dtype.
    """

    def gradient(upstream):
        return _layer_norm_gradient(x, upstream)

    return tf.cast(normalize_channels(tf.cast(x, tf.float32))[0], x.dtype), gradient


def average_pool(x: tf.Tensor, factor: int) -> tf.Tensor:
    """Downsamples by averaging areas of `factor`×`factor` pixels (antialiased).

    Args:
      x: [batch, height, width, channels]; height and width divisible by `factor`.
      factor: a whole number.

    Returns:
      [batch, height/factor, width/factor, channels].
    """
    return tf.nn.avg_pool2d(x, ksize=factor, strides=factor, padding="VALID")


def repeat_pixels(x: tf.Tensor, factor: int) -> tf.Tensor:
    """Upsamples [batch, height, width, channels] by a whole factor to the nearest pixel.

    Broadcast and reshape in place of a resize operation, because the gradient of ResizeNearestNeighbor has no XLA kernel.
    """
    shape = tf.shape(x)
    batch, height, width, channels = shape[0], shape[1], shape[2], x.shape[-1]
    repeated = tf.broadcast_to(x[:, :, None, :, None, :], [batch, height, factor, width, factor, channels])
    repeated = tf.reshape(repeated, [batch, factor * height, factor * width, channels])
    static_height, static_width = (None if side is None else side * factor for side in x.shape[1:3])
    return tf.ensure_shape(repeated, [x.shape[0], static_height, static_width, channels])


def to_patches(x: tf.Tensor, patch: int) -> tf.Tensor:
    """Moves patch×patch pixels of [batch, height, width, channels] to channels (space to depth)."""
    return x if patch == 1 else tf.nn.space_to_depth(x, patch)


def from_patches(x: tf.Tensor, patch: int) -> tf.Tensor:
    """Inverts `to_patches` (depth to space)."""
    return x if patch == 1 else tf.nn.depth_to_space(x, patch)


def reflect_pad_to_multiple(images: tf.Tensor, multiple: int) -> tf.Tensor:
    """Pads images by reflection at the bottom and right edges until height and width are divisible by `multiple`.

    The result equals that of `icdpm.images.pixels.pad_to_multiple`. Sides may be shorter than the padding.

    Args:
      images: float [batch, height, width, channels], of any size.
      multiple: the common divisor of the padded height and width.

    Returns:
      The padded images.
    """
    height, width = tf.unstack(tf.shape(images)[1:3])
    images = tf.gather(images, _reflected_indices(height, multiple), axis=1)
    return tf.gather(images, _reflected_indices(width, multiple), axis=2)


def _reflected_indices(length, multiple):
    """Returns the source index of each pixel of a padded side: 0 … length − 1, then back and forth."""
    indices = tf.range(length + -length % multiple)
    # tf.pad reflects only once, which is not enough for sides shorter than the padding.
    period = tf.maximum(2 * (length - 1), 1)
    return tf.minimum(indices % period, period - indices % period)
