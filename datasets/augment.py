"""What is done alike to both pictures of a pair: cutting, flipping, rotating; and the range of values."""

from __future__ import annotations

import functools

import tensorflow as tf


def random_crop(blurry: tf.Tensor, sharp: tf.Tensor, crop: int, bits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The same random square of both pictures.

    Args:
      blurry, sharp: [H, W, 3], of one size.
      crop: width and height of the square in pixels, at most H and W.
      bits: int64 [2], two independent non-negative random numbers.

    Returns (blurry, sharp), [crop, crop, 3].
    """
    room = tf.shape(sharp, tf.int64)[:2] - crop
    return _cut(blurry, sharp, crop, bits % (room + 1))


def centre_crop(blurry: tf.Tensor, sharp: tf.Tensor, crop: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The middle square of both pictures, [crop, crop, 3]."""
    return _cut(blurry, sharp, crop, (tf.shape(sharp, tf.int64)[:2] - crop) // 2)


def _cut(blurry: tf.Tensor, sharp: tf.Tensor, crop: int, corner: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    begin = tf.concat([corner, [0]], axis=0)
    return tuple(tf.ensure_shape(tf.slice(x, begin, [crop, crop, 3]), [crop, crop, 3]) for x in (blurry, sharp))


def random_dihedral(blurry: tf.Tensor, sharp: tf.Tensor, bits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The same one of the eight flips and 90° rotations for both square pictures [S, S, 3].

    `bits` is an int64 [] random number, not negative.
    """
    # One branch runs. Choosing by tf.where among all eight takes ten times as long.
    branches = [functools.partial(_dihedral, tf.stack([blurry, sharp]), element) for element in range(8)]
    return tuple(tf.unstack(tf.switch_case(tf.cast(bits % 8, tf.int32), branches)))


def _dihedral(pair: tf.Tensor, element: int) -> tf.Tensor:
    """The pictures [2, S, S, 3], flipped and transposed by the three bits of `element`, of the square's symmetries."""
    axes = [axis for axis in (1, 2) if element & axis]
    flipped = tf.reverse(pair, axes) if axes else pair
    return tf.transpose(flipped, [0, 2, 1, 3]) if element & 4 else flipped


def to_unit_range(picture: tf.Tensor) -> tf.Tensor:
    """uint8 to float32 in [-1, 1]."""
    return tf.cast(picture, tf.float32) / 127.5 - 1.0
