"""Validation of a run's EMA weights on images that it is not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.metrics.psnr import psnr
from icdpm.models.sampling import sample_in_graph
from icdpm.models.training_step import LARGEST_PSNR, loss_logs, validation_losses

if TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer

Batch = Mapping[str, np.ndarray]


class Validation:
    """Measures losses, PSNR and color error of one restoration per image, always with the same random numbers.

    The images are distributed over all replicas and restored in the precision of the training step. The model of the run is
    used itself; its weights are temporarily replaced by the EMA weights.

    Args:
      model: an `ImageRestorer` that is compiled with the config's optimizer.
      strategy: a strategy of `make_strategy`.
      batches: {'blurry', 'sharp', 'index'} of each batch, equal for all workers.
    """

    def __init__(self, model: ImageRestorer, strategy: tf.distribute.Strategy, batches: Sequence[Batch]) -> None:
        self._model = model
        self._batches = batches
        self._strategy = strategy
        self._schedule = model.sampling_schedule(model.settings())
        self._evaluate = tf.function(self._evaluate_on_replicas, autograph=False)

    def run(self) -> tuple[dict[str, float], np.ndarray]:
        """Measures the EMA weights. All workers must call it.

        Returns:
          (numbers, images). Numbers: 'psnr' and 'psnr_blurry' (dB, over uint8 RGB, at most 100 per image); 'error_red',
          'error_green' and 'error_blue' (mean of restored − sharp, in 8-bit levels); and the model's losses as NAME_loss.
          Images: float32 [images, height, width, 3] in [0, 1], each blurry | the model's intermediate outputs | restored |
          sharp.
        """
        rows, images = [], []
        with self._strategy.scope(), self._model.averages():
            for part, outputs in self._evaluate_all():
                images.append(_side_by_side(part, outputs["intermediate"], outputs["restored"]))
                losses = {name: float(values[0]) for name, values in outputs["losses"].items()}
                eight_bit = (_to_uint8(x) for x in (part["blurry"], outputs["restored"], part["sharp"]))
                for blurry, restored, sharp in zip(*eight_bit):
                    error = (restored.astype(np.float64) - sharp).mean(axis=(0, 1))
                    values = (min(psnr(image, sharp), LARGEST_PSNR) for image in (restored, blurry))
                    rows.append([*values, *error, *losses.values()])
        names = ["psnr", "psnr_blurry", "error_red", "error_green", "error_blue", *losses]
        return dict(zip(names, np.mean(rows, axis=0).tolist())), np.concatenate(images)

    def evaluate_batch(self, batch: Mapping[str, tf.Tensor]) -> dict[str, Any]:
        """Restores a batch with the present weights.

        Returns:
          {'losses': {name: [1]}, 'restored': [b, h, w, 3], 'intermediate': {name: [b, h', w', 3]}}.
        """
        blurry = batch["blurry"]
        seeds = example_seeds([self._model.config.seed, RandomDomain.VALIDATION_SAMPLES], batch["index"])
        losses = loss_logs(validation_losses(self._model, batch))
        condition = self._model.encode_pair_condition(batch)
        return {
            "losses": {name: loss[None] for name, loss in losses.items()},
            "restored": sample_in_graph(self._model, blurry, condition, self._schedule, seeds),
            "intermediate": self._model.intermediate_outputs(condition),
        }

    def _evaluate_all(self) -> Iterator[tuple[Batch, dict[str, Any]]]:
        """Yields each part of each batch with its outputs, as arrays."""
        replicas = self._strategy.num_replicas_in_sync
        for batch in self._batches:
            parts = split_batch(batch, replicas)
            for first in range(0, len(parts), replicas):
                current = parts[first : first + replicas]

                def part_of(replica: Any, current: list[Batch] = current) -> dict[str, tf.Tensor]:
                    # With fewer parts than replicas, several replicas evaluate the last part.
                    part = current[min(replica.replica_id_in_sync_group, len(current) - 1)]
                    return {key: tf.constant(x) for key, x in part.items()}

                outputs = self._evaluate(self._strategy.experimental_distribute_values_from_function(part_of))
                outputs = tf.nest.map_structure(lambda x: x.numpy().reshape(replicas, -1, *x.shape[1:]), outputs)
                for number, part in enumerate(current):
                    yield part, tf.nest.map_structure(lambda x, number=number: x[number], outputs)

    def _evaluate_on_replicas(self, batch: Any) -> dict[str, Any]:
        """Returns the outputs of `evaluate_batch` on all replicas, concatenated along the first axis."""
        outputs = self._strategy.run(self.evaluate_batch, args=(batch,))
        return tf.nest.map_structure(lambda x: self._strategy.gather(x, axis=0), outputs)


def split_batch(batch: Batch, replicas: int) -> list[Batch]:
    """Splits a batch into parts of equal size, at least as many as replicas if the batch has as many examples.

    All parts are full, so that the mean of their losses is the loss of the batch.
    """
    count = len(batch["index"])
    size = next(size for size in range(max(count // replicas, 1), 0, -1) if count % size == 0)
    return [{key: x[first : first + size] for key, x in batch.items()} for first in range(0, count, size)]


def _to_uint8(images: np.ndarray) -> np.ndarray:
    """Converts images in [−1, 1] to 8 bits."""
    return np.clip(np.round((images + 1.0) * 127.5), 0, 255).astype(np.uint8)


def _side_by_side(batch: Batch, intermediate: Mapping[str, np.ndarray], restored: np.ndarray) -> np.ndarray:
    """Returns blurry | intermediate outputs, enlarged to full size | restored | sharp, in [0, 1]."""
    blurry, sharp = batch["blurry"], batch["sharp"]
    columns = [blurry]
    for image in intermediate.values():
        scale = blurry.shape[1] // image.shape[1]
        columns.append(np.broadcast_to(image.repeat(scale, axis=1).repeat(scale, axis=2), blurry.shape))
    return np.clip((np.concatenate([*columns, restored, sharp], axis=2) + 1.0) / 2.0, 0.0, 1.0)
