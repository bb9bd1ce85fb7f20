"""Batches of pairs: conversion of what users pass to `fit`, `evaluate` and `predict`, and the division among replicas."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.networks.operations import reflect_pad_to_multiple, to_minus_one_one

# Bound of the number of examples of one step; examples without a number of their own are numbered by step and position.
LARGEST_BATCH = 2**32
_LARGEST_VALUE = 2  # of a float image; values in [0, 255] exceed it


def prepare_batch(
    data: Any, first: tf.Tensor, size_multiple: int, needs_target: bool
) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor | None]:
    """Prepares the data of a Keras step: this replica's part of a batch.

    Args:
      data: (blurry, sharp) or a dict with both; images [batch, height, width, 3], uint8, uint16 or float in [−1, 1].
      first: number of the first example of all replicas, int64; for data without 'index'.
      size_multiple: images are padded by reflection until their sides are divisible by this number.
      needs_target: whether 'target' is required.

    Returns:
      ({'blurry', 'sharp'} and 'target' if required, float32 in [−1, 1], with 'index', int64 [batch]; the number of examples of
      all replicas, float32; this replica's share of them, see `count_examples`).

    Raises:
      IcdpmError: an image is missing, the data have sample weights, shapes differ, or images are not as `as_images` requires.
    """
    batch = _as_batch(data, size_multiple, needs_target)
    count = tf.shape(batch["blurry"])[0]
    for name in batch.keys() - {"index"}:
        batch[name] = _fill_empty(batch[name], size_multiple)
    return _add_index(batch, first, count), *count_examples(count)


def image_size(data: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the height and width of the images of a Keras step before they are padded, int32 scalars.

    Args:
      data: see `prepare_batch`, which checks it.
    """
    shape = tf.shape(_select_blurry(data))
    return shape[1], shape[2]


def prepare_blurry(data: Any, size_multiple: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Prepares the data of `predict`.

    Args:
      data: blurry images, (blurry, …) or {'blurry', …}.
      size_multiple: smallest side of the image that stands for none (`prepare_batch`).

    Returns:
      (the blurry images, at least one; the number of them in the data).
    """
    blurry = _check_shape(_select_blurry(data))
    return _fill_empty(blurry, size_multiple), tf.shape(blurry)[0]


def as_images(images: Any) -> tf.Tensor:
    """Converts images as users give them to float32 in [−1, 1].

    Args:
      images: [batch, height, width, 3]; uint8, uint16 or float in [−1, 1], which noise may exceed a little.

    Raises:
      IcdpmError: another shape or dtype.
      tf.errors.InvalidArgumentError: float values far beyond [−1, 1]; within a function that XLA compiles, there is no check.
    """
    images = _check_shape(images)
    if images.dtype in (tf.uint8, tf.uint16):
        return to_minus_one_one(images)
    if not images.dtype.is_floating:
        raise IcdpmError(f"Images must be uint8, uint16 or float in [−1, 1]. Received: {images.dtype.name}.")
    largest = tf.reduce_max(tf.abs(images), keepdims=True)
    message = "Images of floats must be in [-1, 1] (or uint8 in 0 to 255). Received values up to"
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(~(largest > _LARGEST_VALUE)), [message, largest])]):
        return to_minus_one_one(images)


def _check_shape(images: Any) -> tf.Tensor:
    """Converts images to a tensor whose shape is known to be [batch, height, width, 3].

    Raises:
      IcdpmError: another shape; for shapes that a dataset does not state, tf.errors.InvalidArgumentError when it is used.
    """
    images = tf.convert_to_tensor(images)
    if images.shape.rank not in (None, 4) or images.shape.rank == 4 and images.shape[-1] not in (None, 3):
        raise IcdpmError(
            f"Images must be RGB with the shape [batch, height, width, 3]. Received: {images.shape}. Add the batch dimension "
            "by image[None]; repeat gray in three channels; remove alpha."
        )
    if images.shape.rank is None or images.shape[-1] is None:  # a dataset from a generator without shapes
        images = tf.ensure_shape(images, [None, None, None, 3])
    return images


def _as_batch(data: Any, size_multiple: int, needs_target: bool) -> dict[str, tf.Tensor]:
    """Converts the data of a Keras step to a dict of images.

    Args:
      data: (blurry, sharp) or a dict with both; images [batch, height, width, 3], uint8, uint16 or float in [−1, 1].
      size_multiple: images are padded by reflection unless their sides are known to be divisible by this number.
      needs_target: whether 'target' is required.

    Returns:
      {'blurry', 'sharp'}, with 'target' if required and 'index' if given.

    Raises:
      IcdpmError: an image is missing, the data have sample weights, shapes differ, or images are not as `as_images` requires.
    """
    given = data if isinstance(data, (tuple, list)) else (data,)
    if len(given) > 2 and given[2] is not None:
        raise IcdpmError(
            "Every example has the same weight. Received: a batch with a third element, which Keras takes for sample weights "
            "(sample_weight, class_weight). Remove it; repeat examples of more weight in the data instead."
        )
    batch = dict(given[0]) if isinstance(given[0], dict) else dict(zip(("blurry", "sharp"), given))
    required = ("blurry", "sharp", "target") if needs_target else ("blurry", "sharp")
    missing = [name for name in required if batch.get(name) is None]
    if missing:
        raise IcdpmError(
            f"A batch must be (blurry, sharp) or a dict with {', '.join(map(repr, required))}. Received: no {missing[0]!r}."
        )
    images = {name: as_images(batch[name]) for name in required}
    blurry, sharp = images["blurry"].shape, images["sharp"].shape
    if not blurry.is_compatible_with(sharp):
        raise IcdpmError(f"Blurry and sharp images must have the same shape. Received: {blurry} and {sharp}.")
    for name, each in images.items():
        is_divisible = all(side is not None and side % size_multiple == 0 for side in each.shape[1:3])
        images[name] = each if is_divisible else reflect_pad_to_multiple(each, size_multiple)
    return {**images, "index": batch["index"]} if "index" in batch else images


def _add_index(batch: dict[str, tf.Tensor], first: tf.Tensor, examples: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns a batch with 'index' (int64 [batch]): the given one, or numbers from `first` on, replica by replica.

    Args:
      batch: images, at least one.
      first: int64 number of the first example of all replicas.
      examples: number of examples before `_fill_empty`.
    """
    filled = tf.shape(batch["blurry"], out_type=tf.int64)[0]
    if "index" in batch:
        given = tf.cast(batch["index"], tf.int64)
        return {**batch, "index": tf.concat([given, tf.zeros([filled - tf.size(given, tf.int64)], tf.int64)], axis=0)}
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    return {**batch, "index": first + tf.cast(replica, tf.int64) * tf.cast(examples, tf.int64) + tf.range(filled)}


def _select_blurry(data: Any) -> Any:
    """Returns the blurry images of images, (blurry, …) or {'blurry', …}."""
    while isinstance(data, (tuple, list)):
        data = data[0]
    return data["blurry"] if isinstance(data, dict) else data


def _fill_empty(images: tf.Tensor, size_multiple: int) -> tf.Tensor:
    """Returns images, [batch, height, width, 3] of any dtype, or one black image if there are none.

    TensorFlow's convolutions on CPUs fail without images. Nothing changes on one replica, which always has some.
    """
    if tf.distribute.get_replica_context().num_replicas_in_sync == 1:
        return images
    sides = tf.maximum(tf.shape(images)[1:3], size_multiple)
    shape = tf.concat([[1], sides, [3]], axis=0)
    filled = tf.cond(tf.shape(images)[0] > 0, lambda: images, lambda: tf.zeros(shape, images.dtype))
    return tf.ensure_shape(filled, [None, *images.shape[1:]])


def count_examples(examples: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Counts the examples of all replicas.

    In the last batch of an epoch, replicas may have fewer examples than others, or none.

    Args:
      examples: int32 number of examples of this replica.

    Returns:
      (number of examples of all replicas, float32; this replica's share of them, float32 scalar, None on one replica).
    """
    replica = tf.distribute.get_replica_context()
    count = tf.cast(examples, tf.float32)
    if replica.num_replicas_in_sync == 1:
        return count, None
    total = replica.all_reduce(tf.distribute.ReduceOp.SUM, count)
    return total, count / total
