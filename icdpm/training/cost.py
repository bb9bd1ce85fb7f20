"""Estimates of what a training run needs: operations, memory, input bandwidth and time. Nothing is executed."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import tensorflow as tf
from ml_collections import ConfigDict

from icdpm.models.registry import build_model
from icdpm.models.schedules import describe_stages, training_stages
from icdpm.models.training_step import gradients_of, validation_losses
from icdpm.models.weights import named_variables
from icdpm.networks.cost import count_flops_and_bytes
from icdpm.networks.layers import zero_weights

if TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer

_GIB = 2**30


@dataclasses.dataclass(frozen=True)
class CostEstimate:
    """Cost of a training run.

    FLOPs are 2 × multiply-adds of convolutions and matrix products. Tuples have one entry for each stage of the run (one unless
    the crops grow).

    Attributes:
      parameters: number of trained parameters.
      weights: bytes of all weights on a replica.
      state: bytes of the optimizer state on a replica: two moments and the EMA.
      working: bytes of gradients and activations on a replica, at the stage that needs most.
      step_flops: FLOPs of a step of each stage, of all replicas together.
      steps: number of steps of each stage.
      pairs: crop pairs of a step of each stage.
      pair_bytes: bytes of a crop pair of each stage, in 8 bits.
      validations: number of validations.
      validation_flops: FLOPs of one validation, of all replicas together.
    """

    parameters: int
    weights: int
    state: int
    working: int
    step_flops: tuple[int, ...]
    steps: tuple[int, ...]
    pairs: tuple[int, ...]
    pair_bytes: tuple[int, ...]
    validations: int
    validation_flops: int

    @property
    def training_flops(self) -> int:
        """FLOPs of all training steps, without validation."""
        return sum(steps * flops for steps, flops in zip(self.steps, self.step_flops))

    def report(self, config: ConfigDict, replicas: int, flops_per_second: float) -> list[str]:
        """Returns the estimate as lines of text.

        Args:
          config: the config of the run.
          replicas: number of replicas that share a batch.
          flops_per_second: sustained FLOPs per second of a replica.
        """
        rate = replicas * flops_per_second
        training = self.training_flops / rate
        validation = self.validations * self.validation_flops / rate
        seconds = [flops / rate for flops in self.step_flops]
        pairs_per_second = max(pairs / each for pairs, each in zip(self.pairs, seconds))
        bandwidth = max(pairs * size / each for pairs, size, each in zip(self.pairs, self.pair_bytes, seconds))
        parts = {"weights": self.weights, "optimizer": self.state, "gradients and activations": self.working}
        memory = ", ".join(f"{name} {size / _GIB:.2f}" for name, size in parts.items())
        operations = " then ".join(f"{flops / 1e12:.4g}" for flops in self.step_flops)
        times = " then ".join(f"{each:.3g}" for each in seconds)
        return [
            f"{self.parameters:,} parameters; {describe_stages(config)}",
            f"step: {operations} TFLOP, {times} s on {replicas} replicas at {flops_per_second / 1e12:.4g} TFLOP/s each",
            f"memory per replica: {sum(parts.values()) / _GIB:.2f} GiB ({memory})",
            f"input: {pairs_per_second:.0f} crop pairs/s, {bandwidth / 1e6:.1f} MB/s in 8 bits",
            f"training: {sum(self.steps):,} steps, {training / 3600:.3g} hours; validation: {self.validations} times, "
            f"{validation / 3600:.3g} hours in addition",
        ]


def estimate_cost(config: ConfigDict, replicas: int = 1) -> CostEstimate:
    """Estimates the cost of a training run by tracing its graphs.

    The memory of gradients and activations is that of operations that run one after the other and keep their results in full
    (`icdpm.networks.cost`). Fusion by XLA reduces it.

    Args:
      config: a checked config.
      replicas: number of replicas that share a batch.
    """
    config = config.copy_and_resolve_references()
    parts, config.optimizer.accumulation = config.optimizer.accumulation, 1
    with zero_weights():
        model = build_model(config)
    model.compile()
    stages = training_stages(config)
    trained = sum(_bytes(variable) for variable in model.trainable_tensors)
    flops, working = [], []
    for stage in stages:
        share = max(stage.batch // (replicas * parts), 1)
        count, peak = count_flops_and_bytes(functools.partial(gradients_of, model), batch_specs(model, share, stage.crop))
        flops.append(count * stage.batch // share)
        # Accumulation keeps a second set of gradients.
        working.append(peak + (trained if parts > 1 else 0))
    run, crop = config.run, max(stage.crop for stage in stages)
    return CostEstimate(
        parameters=sum(variable.shape.num_elements() for variable in model.trainable_tensors),
        weights=sum(_bytes(variable) for variable in named_variables(model).values()),
        state=3 * trained,
        working=max(working),
        step_flops=tuple(flops),
        steps=tuple(stage.stop - stage.start for stage in stages),
        pairs=tuple(stage.batch for stage in stages),
        pair_bytes=tuple(2 * 3 * stage.crop**2 for stage in stages),
        validations=-(-run.steps // run.validate_every),
        validation_flops=run.validation_images * _validation_flops(model, crop),
    )


def restoration_flops(model: ImageRestorer, height: int, width: int) -> tuple[int, int]:
    """Counts the FLOPs of restoring one image, without executing anything.

    Args:
      model: the model.
      height: size of the image in pixels, rounded up to a multiple of `model.size_multiple`.
      width: size of the image in pixels, rounded up to a multiple of `model.size_multiple`.

    Returns:
      (FLOPs of the condition, which is encoded once per image; FLOPs of one evaluation of the network, as in each sampling
      step).
    """
    height, width = (-(-size // model.size_multiple) * model.size_multiple for size in (height, width))
    images = tf.TensorSpec([1, height, width, 3])
    condition = tf.function(model.encode_condition, autograph=False).get_concrete_function(images).structured_outputs
    condition = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), condition)
    once, _ = count_flops_and_bytes(model.encode_condition, images)
    evaluation, _ = count_flops_and_bytes(model.denoise, images, images, tf.TensorSpec([1]), condition)
    return once, evaluation


def batch_specs(model: ImageRestorer, count: int, crop: int) -> dict[str, tf.TensorSpec]:
    """Returns {name: `tf.TensorSpec`} of a training batch.

    Args:
      model: the model that is trained.
      count: number of crop pairs.
      crop: side of the crops in pixels.
    """
    images = tf.TensorSpec([count, crop, crop, 3])
    batch = {"blurry": images, "sharp": images, "index": tf.TensorSpec([count], tf.int64)}
    return {**batch, "target": images} if model.needs_target else batch


def _validation_flops(model: ImageRestorer, crop: int) -> int:
    """Returns the FLOPs of validation for one image."""
    losses, _ = count_flops_and_bytes(functools.partial(validation_losses, model), batch_specs(model, 1, crop))
    condition, evaluation = restoration_flops(model, crop, crop)
    return losses + condition + model.sampling_schedule(model.settings()).steps * evaluation


def _bytes(variable: tf.Variable) -> int:
    return variable.shape.num_elements() * variable.dtype.size
