"""Quantities that change during training: learning rate, loss weights, and the sizes of crops and batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_collections
import tensorflow as tf

from icdpm.keras import keras


def linear_ramp(step: tf.Tensor, ramp_steps: int) -> tf.Tensor:
    """Returns the factor of a linear warmup: min(step / ramp_steps, 1) as a float32 scalar; 1 if `ramp_steps` is 0."""
    if ramp_steps == 0:
        return tf.constant(1.0)
    return tf.minimum(tf.cast(step, tf.float32) / ramp_steps, 1.0)


@keras.saving.register_keras_serializable(package="icdpm")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warmup from 0 to `peak` over the first `ramp_steps` steps (§4.2 of arXiv 2212.01789), then constant until a decay.

    Args:
      peak: the rate between warmup and decay.
      ramp_steps: number of steps of the warmup.
      decay: (first, last) step of a decay from `peak` to `end`; (): no decay, as in the paper.
      end: the rate after the decay.
      shape: shape of the decay: 'linear' or 'cosine' (Loshchilov and Hutter, 2017, eq. 5).
    """

    def __init__(
        self, peak: float, ramp_steps: int, decay: Sequence[int] = (), end: float = 0.0, shape: str = "linear"
    ) -> None:
        self.peak = peak
        self.ramp_steps = ramp_steps
        self.decay = tuple(decay)
        self.end = end
        self.shape = shape

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step, a float32 scalar."""
        rate = self.peak * linear_ramp(step, self.ramp_steps)
        if self.decay:
            first, last = self.decay
            done = linear_ramp(tf.maximum(tf.cast(step, tf.float32) - first, 0.0), last - first)
            left = 0.5 * (1.0 + tf.cos(math.pi * done)) if self.shape == "cosine" else 1.0 - done
            rate = self.end + (rate - self.end) * left
        return rate

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        names = ("peak", "ramp_steps", "decay", "end", "shape")
        return {name: list(self.decay) if name == "decay" else getattr(self, name) for name in names}


class TrainingStage(NamedTuple):
    """Consecutive steps with one crop and batch size (progressive learning; Restormer, Zamir et al., CVPR 2022).

    Attributes:
      start: the first step.
      stop: number of steps done when the stage ends.
      first_example: number of the first training example.
      batch: global batch size.
      crop: side of the crops in pixels.
    """

    start: int
    stop: int
    first_example: int
    batch: int
    crop: int

    def first_of(self, step: int) -> int:
        """Returns the number of the first example of a step of this stage."""
        return self.first_example + (step - self.start) * self.batch


def training_stages(config: ml_collections.ConfigDict) -> list[TrainingStage]:
    """Returns the stages of a run; a single one unless crops grow (`data.progressive_steps`).

    Args:
      config: a checked config.
    """
    data, steps = config.data, config.run.steps
    starts = (0, *data.progressive_steps)
    sizes = zip(starts, (*starts[1:], steps), (data.batch, *data.progressive_batches), (data.crop, *data.progressive_crops))
    stages: list[TrainingStage] = []
    example = 0
    for start, stop, batch, crop in sizes:
        if start >= steps:
            break
        stages.append(TrainingStage(start, min(stop, steps), example, batch, crop))
        example = stages[-1].first_of(stop)
    return stages


def largest_crop(config: ml_collections.ConfigDict) -> int:
    """Returns the largest side of a run's crops in pixels."""
    return max(stage.crop for stage in training_stages(config))


def describe_stages(config: ml_collections.ConfigDict) -> str:
    """Returns the stages in words: '20000 of 16 crops of 128×128, then 20000 of 10 crops of 160×160'."""
    stages = training_stages(config)
    return ", then ".join(f"{each.stop - each.start} of {each.batch} crops of {each.crop}×{each.crop}" for each in stages)
