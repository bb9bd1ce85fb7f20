"""What a run's averaged weights reach on pictures that it does not train on."""

import numpy as np
import tensorflow as tf

from icdpm.diffusion.random import example_seeds
from icdpm.metrics.psnr import psnr
from icdpm.systems.registry import make_system
from icdpm.systems.weights import set_weights


class Validation:
    """Losses, one restoration a picture, its PSNR and its colour drift, always with the same random numbers.

    Args:
      config: the run's config.
      batches: list of {'blurry', 'sharp', 'index'} arrays.
    """

    def __init__(self, config, batches):
        self.config = config
        self.batches = batches
        self.system = make_system(config)
        self._losses = tf.function(self.system.test_step)

    def run(self, weights):
        """Measures weights ({name: array} of all variables).

        Returns:
          (numbers: {'psnr' (dB, over uint8 RGB), 'psnr_blurry', 'error_red', 'error_green', 'error_blue' (mean of
          restored − sharp, in 8-bit steps), and each loss of the system as NAME_loss},
          pictures: float32 [pictures, height, width, 3] in [0, 1], each blurry | the system's pictures | restored | sharp).
        """
        set_weights(self.system, weights)
        plan = self.system.plan(self.system.settings())
        rows, pictures = [], []
        for batch in self.batches:
            losses = self._losses(batch)
            seeds = example_seeds([self.config.seed, 2], tf.constant(batch["index"]))
            given = tf.constant(batch["blurry"])
            conditions = self.system.conditions_of_pairs({**batch, "blurry": given})
            made = self.system.draw(given, conditions, plan, seeds).numpy()
            pictures.append(_strip(batch, self.system.pictures(conditions), made))
            for blurry, restored, sharp in zip(*(_to_uint8(x) for x in (batch["blurry"], made, batch["sharp"]))):
                drift = (restored.astype(np.float64) - sharp).mean(axis=(0, 1))
                rows.append([psnr(restored, sharp), psnr(blurry, sharp), *drift, *map(float, losses.values())])
        names = ["psnr", "psnr_blurry", "error_red", "error_green", "error_blue", *losses]
        return dict(zip(names, np.mean(rows, axis=0).tolist())), np.concatenate(pictures)


def _to_uint8(images):
    """[−1, 1] → 8 bits."""
    return np.clip(np.round((images + 1.0) * 127.5), 0, 255).astype(np.uint8)


def _strip(batch, inside, made):
    """blurry | pictures of the inside, repeated to full size | restored | sharp, side by side."""
    blurry, sharp = batch["blurry"], batch["sharp"]
    columns = [blurry]
    for picture in inside.values():
        scale = blurry.shape[1] // picture.shape[1]
        columns.append(np.broadcast_to(picture.numpy().repeat(scale, axis=1).repeat(scale, axis=2), blurry.shape))
    return np.clip((np.concatenate([*columns, made, sharp], axis=2) + 1.0) / 2.0, 0.0, 1.0)
