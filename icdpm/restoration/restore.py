"""Restores one picture with a trained system."""

import dataclasses

import numpy as np
import tensorflow as tf

from icdpm.diffusion.random import example_seeds
from icdpm.diffusion.samplers import make_plan
from icdpm.restoration.padding import pad_to_multiple
from icdpm.restoration.values import to_pixels, to_values

# Samples of one picture run together up to this many pixels (assumed to fit small devices); a larger one runs alone.
_PIXELS_AT_ONCE = 512 * 512


@dataclasses.dataclass(frozen=True)
class Restored:
    """What restoring a picture gives.

    Attributes:
      pixels: the mean of the samples, of the picture's shape and dtype.
    """

    pixels: np.ndarray


def restore(system, image, settings, *, seed=0, on_step=None):
    """Restores a blurry picture: the mean of several sharp samples of it, or one sample.

    The guidance features are computed once. The same arguments give the same picture, and sample i is the same however
    many are drawn.

    Args:
      system: a trained system (`icdpm.systems.workdir.load`).
      image: uint8 or uint16 [height, width, 3] sRGB, or gray [height, width], of any size.
      settings: a Settings.
      seed: a whole number.
      on_step: called with the number of samples that have gone one step further, after each evaluation of the network.

    Returns:
      A Restored.
    """
    height, width = image.shape[:2]
    padded = pad_to_multiple(to_values(image), system.factor)[None]
    guidance = system.compiled_guide(padded)
    plan = make_plan(settings.sampler, settings.steps, settings.max_noise_variance)
    seeds = example_seeds([seed, 3], tf.range(settings.samples, dtype=tf.int64))
    at_once = max(1, _PIXELS_AT_ONCE // (padded.shape[1] * padded.shape[2]))
    total = np.zeros(padded.shape[1:], np.float64)
    for first in range(0, settings.samples, at_once):
        some = seeds[first : first + at_once]
        count = len(some)
        drawn = system.sample(
            tf.repeat(padded, count, axis=0),
            tf.nest.map_structure(lambda features: tf.repeat(features, count, axis=0), guidance),  # noqa: B023
            plan,
            some,
            on_step=(lambda: on_step(count)) if on_step else None,  # noqa: B023
        )
        total += drawn.numpy().sum(axis=0, dtype=np.float64)
    return Restored(to_pixels((total / settings.samples)[:height, :width], image))
