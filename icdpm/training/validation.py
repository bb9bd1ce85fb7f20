"""What a run's averaged weights reach on pictures that it does not train on."""

import numpy as np
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.metrics.psnr import psnr
from icdpm.models.sampling import sample_in_graph
from icdpm.models.training_step import validation_losses


class Validation:
    """Losses, one restoration a picture, its PSNR and its colour drift, always with the same random numbers.

    All replicas take part, each with pictures of its own, and in the precision of the step. The run's own model is measured,
    whose weights and averages change places for the time.

    Args:
      model: an `ImageRestorer` that is compiled with the config's own optimizer.
      strategy: of `make_strategy`.
      batches: list of {'blurry', 'sharp', 'index'} arrays, the same for every worker.
    """

    def __init__(self, model, strategy, batches):
        self.model = model
        self.batches = batches
        self._strategy = strategy
        self._plan = model.sampling_schedule(model.settings())
        self._measure = tf.function(self._measure_on_replicas, autograph=False)

    def run(self):
        """Measures the averaged weights; every worker has to.

        Returns:
          (numbers: {'psnr' (dB, over uint8 RGB), 'psnr_blurry', 'error_red', 'error_green', 'error_blue' (mean of
          restored − sharp, in 8-bit steps), and each loss of the system as NAME_loss},
          pictures: float32 [pictures, height, width, 3] in [0, 1], each blurry | the system's pictures | restored | sharp).
        """
        rows, pictures = [], []
        with self._strategy.scope(), self.model.averages():
            for part, made in self._measured_parts():
                pictures.append(_strip(part, made["inside"], made["restored"]))
                losses = {name: float(values[0]) for name, values in made["losses"].items()}
                for blurry, restored, sharp in zip(*(_to_uint8(x) for x in (part["blurry"], made["restored"], part["sharp"]))):
                    drift = (restored.astype(np.float64) - sharp).mean(axis=(0, 1))
                    rows.append([psnr(restored, sharp), psnr(blurry, sharp), *drift, *losses.values()])
        names = ["psnr", "psnr_blurry", "error_red", "error_green", "error_blue", *losses]
        return dict(zip(names, np.mean(rows, axis=0).tolist())), np.concatenate(pictures)

    def _measured_parts(self):
        """(a part of a batch, what `_measure` made of it) for all parts of all batches, as arrays."""
        replicas = self._strategy.num_replicas_in_sync
        for batch in self.batches:
            parts = _parts(batch, replicas)
            for first in range(0, len(parts), replicas):
                now = parts[first : first + replicas]

                def part_of(replica, now=now):
                    # Where there are fewer than replicas, several are busy with the last.
                    return {key: tf.constant(x) for key, x in now[min(replica.replica_id_in_sync_group, len(now) - 1)].items()}

                made = self._measure(self._strategy.experimental_distribute_values_from_function(part_of))
                made = tf.nest.map_structure(lambda x: x.numpy().reshape(replicas, -1, *x.shape[1:]), made)
                for number, part in enumerate(now):
                    yield part, tf.nest.map_structure(lambda x, number=number: x[number], made)

    def _measure_on_replicas(self, batch):
        """What `measure` says on all replicas, one after the other along the first axis."""
        made = self._strategy.run(self.measure, args=(batch,))
        return tf.nest.map_structure(lambda x: self._strategy.gather(x, axis=0), made)

    def measure(self, batch):
        """{'losses': {name: [1]}, 'restored': images, 'inside': the system's pictures} of a batch, with the present weights."""
        blurry = batch["blurry"]
        seeds = example_seeds([self.model.config.seed, RandomDomain.VALIDATION_SAMPLES], batch["index"])
        losses = validation_losses(self.model, batch)
        conditions = self.model.encode_pair_condition(batch)
        return {
            "losses": {name: loss[None] for name, loss in losses.items()},
            "restored": sample_in_graph(self.model, blurry, conditions, self._plan, seeds),
            "inside": self.model.intermediate_outputs(conditions),
        }


def _parts(batch, replicas):
    """A batch in parts of one size, at least as many as there are replicas where there are as many examples.

    All parts are full, so that the mean of their losses is that of the batch.
    """
    count = len(batch["index"])
    size = next(size for size in range(max(count // replicas, 1), 0, -1) if count % size == 0)
    return [{key: x[first : first + size] for key, x in batch.items()} for first in range(0, count, size)]


def _to_uint8(images):
    """[−1, 1] → 8 bits."""
    return np.clip(np.round((images + 1.0) * 127.5), 0, 255).astype(np.uint8)


def _strip(batch, inside, made):
    """blurry | pictures of the inside, repeated to full size | restored | sharp, side by side."""
    blurry, sharp = batch["blurry"], batch["sharp"]
    columns = [blurry]
    for picture in inside.values():
        scale = blurry.shape[1] // picture.shape[1]
        columns.append(np.broadcast_to(picture.repeat(scale, axis=1).repeat(scale, axis=2), blurry.shape))
    return np.clip((np.concatenate([*columns, made, sharp], axis=2) + 1.0) / 2.0, 0.0, 1.0)
