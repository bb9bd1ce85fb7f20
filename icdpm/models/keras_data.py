"""Batches of pairs from the data of a Keras step, and trackers of its losses."""

from __future__ import annotations

import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.keras import keras
from icdpm.networks.resampling import reflect_pad_to_multiple

# Examples of one step have numbers below this one.
_LARGEST_BATCH = 2**32
_LEAST_SQUARE = 1e-10  # of a PSNR's mean squared error, in squares of an 8-bit step


def to_values(images):
    """Returns images as float32 in [−1, 1], from uint8 or from floats in that range."""
    images = tf.convert_to_tensor(images)
    return tf.cast(images, tf.float32) / 127.5 - 1.0 if images.dtype == tf.uint8 else tf.cast(images, tf.float32)


def as_batch(data, factor: int, needs_target: bool) -> dict:
    """Returns {'blurry', 'sharp', …} as a step takes it.

    Args:
      data: (blurry, sharp) or a dict with both; images [batch, height, width, 3], uint8 or float in [−1, 1].
      factor: images whose sides are not known to be divisible by it are padded by reflection.
      needs_target: whether 'target' is needed.

    Raises:
      IcdpmError: there is no sharp image, or no target.
    """
    data = data[0] if isinstance(data, (tuple, list)) and isinstance(data[0], dict) else data
    if not isinstance(data, dict):
        data = dict(zip(("blurry", "sharp"), data if isinstance(data, (tuple, list)) else [data]))
    batch = dict(data)
    wanted = ("blurry", "sharp", "target") if needs_target else ("blurry", "sharp")
    missing = [name for name in wanted if batch.get(name) is None]
    if missing:
        raise IcdpmError(
            f"a batch must be (blurry, sharp) or a dict with {', '.join(map(repr, wanted))}. Received: no {missing[0]!r}"
        )
    for name in wanted:
        images = to_values(batch[name])
        known = all(side is not None and side % factor == 0 for side in images.shape[1:3])
        batch[name] = images if known else reflect_pad_to_multiple(images, factor)
    return {name: batch[name] for name in (*wanted, *({"index"} & batch.keys()))}


def numbered(batch: dict, step) -> dict:
    """Returns a batch with an 'index' (int64 [batch]); where there is none, from the step and the place in the batch."""
    if "index" in batch:
        return {**batch, "index": tf.cast(batch["index"], tf.int64)}
    count = tf.shape(batch["blurry"], out_type=tf.int64)[0]
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    first = tf.cast(step, tf.int64) * _LARGEST_BATCH + tf.cast(replica, tf.int64) * count
    return {**batch, "index": first + tf.range(count)}


def blurry_of(data):
    """Returns the blurry images of images, (blurry, …) or {'blurry', …}."""
    while isinstance(data, (tuple, list)):
        data = data[0]
    return data["blurry"] if isinstance(data, dict) else data


def mean_psnr(restored, sharp):
    """Returns the mean PSNR of images in dB, measured on 8 bits; float32 scalar."""
    difference = _to_levels(restored) - _to_levels(sharp)
    square = tf.maximum(tf.reduce_mean(tf.square(difference), axis=[1, 2, 3]), _LEAST_SQUARE)
    return tf.reduce_mean(10.0 * tf.math.log(255.0**2 / square) / tf.math.log(10.0))


def _to_levels(images):
    return tf.round(tf.clip_by_value((images + 1.0) * 127.5, 0.0, 255.0))


def replica_means(logs: dict) -> dict:
    """Returns the means of {name: scalar} over the replicas."""
    replica = tf.distribute.get_replica_context()
    share = 1.0 / replica.num_replicas_in_sync
    return dict(zip(logs, replica.all_reduce(tf.distribute.ReduceOp.SUM, [value * share for value in logs.values()])))


class LossTrackers:
    """Means over an epoch of the losses and the PSNR, as Keras' metrics.

    A plain object, so that Keras does not count the trackers' variables among the weights of the model.

    Args:
      losses: names of the losses.

    Attributes:
      metrics: a list of `keras.metrics.Mean`.
    """

    def __init__(self, losses):
        names = ("loss", *(f"{name}_loss" for name in losses), "psnr")
        self.metrics = [keras.metrics.Mean(name) for name in names]

    def update(self, logs: dict) -> dict:
        """Adds the values of a step, and returns the means of those that it has: {name: scalar}."""
        means = {}
        for metric in self.metrics:
            if metric.name in logs:
                metric.update_state(logs[metric.name])
                means[metric.name] = metric.result()
        return means
