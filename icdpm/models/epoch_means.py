"""Means of losses and PSNR over an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from icdpm.keras import keras, tf_variable


class EpochMeans:
    """Means over the examples of an epoch of the losses and the PSNR, as Keras metrics.

    This is a plain object, so that Keras does not count the trackers' variables as weights of the model.

    Args:
      losses: names of the losses.
    """

    def __init__(self, losses: Sequence[str]) -> None:
        names = ("loss", *(f"{name}_loss" for name in losses), "psnr")
        self.metrics = [keras.metrics.Mean(name) for name in names]

    def count_examples(self) -> tf.Tensor:
        """Returns the number of examples of all replicas in the epoch so far, int64."""
        return tf.cast(tf_variable(self.metrics[0].count), tf.int64)

    def update(self, logs: Mapping[str, tf.Tensor], examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Adds the values of a step; returns the means of those that are tracked: {name: scalar}.

        Values and the number of examples are those of all replicas, since Keras 3 reports the metrics of the first one.
        """
        means = {}
        for metric in self.metrics:
            if metric.name in logs:
                metric.update_state(logs[metric.name], sample_weight=examples)
                means[metric.name] = metric.result()
        return means
