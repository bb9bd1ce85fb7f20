"""Augmentation, applied equally to both images of a pair: crops, flips and rotations."""

from __future__ import annotations

import functools

import tensorflow as tf


def random_crop(blurry: tf.Tensor, sharp: tf.Tensor, crop: int, random_ints: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts the same random square from both images.

    Args:
      blurry: the blurry image, [H, W, 3].
      sharp: the sharp image, of the same shape and dtype.
      crop: side of the square in pixels, at most H and W.
      random_ints: int64 [2], independent non-negative random numbers.

    Returns:
      (blurry, sharp), [crop, crop, 3].
    """
    last_corner = tf.shape(sharp, tf.int64)[:2] - crop
    return _cut(blurry, sharp, crop, random_ints % (last_corner + 1))


def center_crop(blurry: tf.Tensor, sharp: tf.Tensor, crop: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts the central square [crop, crop, 3] from both images."""
    return _cut(blurry, sharp, crop, (tf.shape(sharp, tf.int64)[:2] - crop) // 2)


def _cut(blurry: tf.Tensor, sharp: tf.Tensor, crop: int, corner: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    begin = tf.concat([corner, [0]], axis=0)
    return tuple(tf.ensure_shape(tf.slice(x, begin, [crop, crop, 3]), [crop, crop, 3]) for x in (blurry, sharp))


def random_dihedral(blurry: tf.Tensor, sharp: tf.Tensor, random_ints: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Applies the same random one of the eight flips and rotations by multiples of 90° to both images.

    Args:
      blurry: the blurry image, a square [S, S, 3].
      sharp: the sharp image, of the same shape and dtype.
      random_ints: int64 [], a non-negative random number.

    Returns:
      (blurry, sharp), [S, S, 3].
    """
    # Only one branch runs. Selecting among all eight results by tf.where takes ten times as long.
    branches = [functools.partial(_dihedral, tf.stack([blurry, sharp]), element) for element in range(8)]
    return tuple(tf.unstack(tf.switch_case(tf.cast(random_ints % 8, tf.int32), branches)))


def _dihedral(pair: tf.Tensor, element: int) -> tf.Tensor:
    """Flips and transposes images [2, S, S, 3] by the three bits of `element`."""
    axes = [axis for axis in (1, 2) if element & axis]
    flipped = tf.reverse(pair, axes) if axes else pair
    return tf.transpose(flipped, [0, 2, 1, 3]) if element & 4 else flipped
