"""Quantities that change during training: linear ramps, and sizes of crops and batches (progressive learning)."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


def linear_ramp(step, ramp_steps):
    """Returns min(step / ramp_steps, 1) as a float32 scalar; 1 from the start where `ramp_steps` is 0."""
    if ramp_steps == 0:
        return tf.constant(1.0)
    return tf.minimum(tf.cast(step, tf.float32) / ramp_steps, 1.0)


class Stage(NamedTuple):
    """Steps whose batches are of one size.

    Attributes:
      start, stop: its steps, the last one exclusive.
      first_example: the number of its first training example.
      batch: global batch.
      crop: side of the crops.
    """

    start: int
    stop: int
    first_example: int
    batch: int
    crop: int

    def first_of(self, step):
        """The number of the first example of one of its steps."""
        return self.first_example + (step - self.start) * self.batch


def training_stages(config):
    """The stages of a run of a checked config, to its last step: a list of `Stage`, of one where nothing grows."""
    data, steps = config.data, config.run.steps
    starts = (0, *data.progressive_steps)
    sizes = zip(starts, (*starts[1:], steps), (data.batch, *data.progressive_batches), (data.crop, *data.progressive_crops))
    stages, example = [], 0
    for start, stop, batch, crop in sizes:
        if start >= steps:
            break
        stages.append(Stage(start, min(stop, steps), example, batch, crop))
        example = stages[-1].first_of(stop)
    return stages


def largest_crop(config):
    """The largest side of the crops of a run."""
    return max(stage.crop for stage in training_stages(config))


def describe_stages(config):
    """How many steps see what: '20000 of 16 crops of 128×128, then 20000 of 10 crops of 160×160'."""
    stages = training_stages(config)
    return ", then ".join(f"{each.stop - each.start} of {each.batch} crops of {each.crop}×{each.crop}" for each in stages)
