"""What a run's averaged weights reach on pictures that it does not train on."""

import numpy as np
import tensorflow as tf

from icdpm.diffusion.random import example_seeds
from icdpm.diffusion.samplers import make_plan
from icdpm.metrics.psnr import psnr
from icdpm.systems.icdpm import ICDPM


class Validation:
    """Losses, one restored sample a picture, its PSNR and its colour drift, always with the same random numbers.

    Args:
      config: the run's config.
      batches: list of {'blurry', 'sharp', 'index'} arrays.
    """

    def __init__(self, config, batches):
        self.config = config
        self.batches = batches
        self.system = ICDPM(config)
        self._losses = tf.function(self.system.test_step)

    def run(self, weights):
        """Measures the weights (arrays, in the order of the system's variables).

        Returns:
          (numbers: {'guidance_loss', 'noise_loss', 'psnr' (dB, over uint8 RGB), 'psnr_blurry', 'error_red',
          'error_green', 'error_blue' (mean of restored − sharp, in 8-bit steps)},
          pictures: float32 [pictures, height, width, 3] in [0, 1], each blurry | regressions | sample | sharp).
        """
        for variable, value in zip(self.system.trainable_variables, weights):
            variable.assign(value)
        plan = make_plan(**self.config.sampling)
        rows, pictures = [], []
        for batch in self.batches:
            losses = self._losses(batch)
            seeds = example_seeds([self.config.seed, 2], tf.constant(batch["index"]))
            given = tf.constant(batch["blurry"])
            guidance = self.system.compiled_guide(given)
            sample = self.system.sample(given, guidance, plan, seeds).numpy()
            pictures.append(_strip(batch, guidance, sample))
            for blurry, restored, sharp in zip(*(_to_uint8(x) for x in (batch["blurry"], sample, batch["sharp"]))):
                drift = (restored.astype(np.float64) - sharp).mean(axis=(0, 1))
                rows.append([psnr(restored, sharp), psnr(blurry, sharp), *drift, *map(float, losses.values())])
        names = ["psnr", "psnr_blurry", "error_red", "error_green", "error_blue", *losses]
        return dict(zip(names, np.mean(rows, axis=0).tolist())), np.concatenate(pictures)


def _to_uint8(images):
    """[−1, 1] → 8 bits."""
    return np.clip(np.round((images + 1.0) * 127.5), 0, 255).astype(np.uint8)


def _strip(batch, guidance, sample):
    """blurry | regression output of each scale | sample | sharp, side by side."""
    blurry, sharp = batch["blurry"], batch["sharp"]
    columns = [blurry]
    for k, (_, regression) in sorted(guidance.items()):
        repeated = regression.numpy().repeat(2 ** int(k), axis=1).repeat(2 ** int(k), axis=2)
        columns.append(np.broadcast_to(repeated, blurry.shape))
    return np.clip((np.concatenate([*columns, sample, sharp], axis=2) + 1.0) / 2.0, 0.0, 1.0)
