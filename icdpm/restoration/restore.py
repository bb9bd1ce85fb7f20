"""Restores one picture with a trained system."""

import numpy as np
import tensorflow as tf

from icdpm.diffusion.random import example_seeds
from icdpm.diffusion.schedules import inference_levels
from icdpm.restoration.padding import pad_to_multiple
from icdpm.restoration.values import to_pixels, to_values

# Samples of one picture run together up to this many pixels (assumed to fit small devices); a larger one runs alone.
_PIXELS_AT_ONCE = 512 * 512


def restore(system, image, *, steps, max_noise_variance, samples=1, seed=0, on_step=None):
    """The mean of several sharp samples of a blurry picture (one: the sample itself; "-SA" of arXiv 2212.01789: several).

    The guidance features are computed once. The same arguments give the same picture, and sample i is the same however
    many are drawn.

    Args:
      system: a trained system (`icdpm.systems.workdir.load`).
      image: uint8 or uint16 [height, width, 3] sRGB, or gray [height, width], of any size.
      steps, max_noise_variance: the inference schedule (`inference_levels`).
      samples: how many samples are averaged.
      seed: a whole number.
      on_step: called with the number of samples that have gone one step further, after each evaluation of the network.

    Returns:
      A picture of the image's shape and dtype.
    """
    height, width = image.shape[:2]
    padded = pad_to_multiple(to_values(image), system.factor)[None]
    guidance = system.compiled_guide(padded)
    gammas = inference_levels(steps, max_noise_variance)
    seeds = example_seeds([seed, 3], tf.range(samples, dtype=tf.int64))
    at_once = max(1, _PIXELS_AT_ONCE // (padded.shape[1] * padded.shape[2]))
    total = np.zeros(padded.shape[1:], np.float64)
    for first in range(0, samples, at_once):
        some = seeds[first : first + at_once]
        count = len(some)
        drawn = system.sample(
            tf.repeat(padded, count, axis=0),
            tf.nest.map_structure(lambda features: tf.repeat(features, count, axis=0), guidance),  # noqa: B023
            gammas,
            some,
            on_step=(lambda: on_step(count)) if on_step else None,  # noqa: B023
        )
        total += drawn.numpy().sum(axis=0, dtype=np.float64)
    return to_pixels((total / samples)[:height, :width], image)
