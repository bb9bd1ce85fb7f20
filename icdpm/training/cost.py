"""What a run will take, before it is begun: parameters, operations, memory, input, hours."""

import dataclasses
import functools

import tensorflow as tf

from icdpm.models.registry import build_model
from icdpm.models.schedules import describe_stages, training_stages
from icdpm.models.training_step import gradients_of, validation_losses
from icdpm.models.weights import named_variables
from icdpm.networks.footprint import footprint
from icdpm.networks.layers import zero_weights

_GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Forecast:
    """Of a run, over all its stages; flops are 2 × multiply-adds of convolutions and products of matrices.

    Attributes:
      parameters: that are trained.
      weights, state: bytes of all weights on a replica, and of what the optimiser keeps of them: two moments and the average.
      working: bytes of gradients, and of what is kept for them, on a replica at the stage that needs most.
      step_flops: of each stage, of all replicas together.
      steps: of each stage.
      pairs: of each stage, of crops a step; a pair is `pair_bytes` of it.
      pair_bytes: of each stage, of a pair of crops in 8 bits.
      validations: how often there is one.
      validation_flops: of one, of all replicas together.
    """

    parameters: int
    weights: int
    state: int
    working: int
    step_flops: tuple
    steps: tuple
    pairs: tuple
    pair_bytes: tuple
    validations: int
    validation_flops: int

    @property
    def training_flops(self):
        """FLOPs of all training steps, without the validations."""
        return sum(steps * flops for steps, flops in zip(self.steps, self.step_flops))

    def said(self, config, replicas, sustained):
        """Lines for people.

        Args:
          config: the config.
          replicas: how many share the batch.
          sustained: FLOPs a second that each keeps up.
        """
        rate = replicas * sustained
        training = self.training_flops / rate
        validation = self.validations * self.validation_flops / rate
        seconds = [flops / rate for flops in self.step_flops]
        needs = max(pairs / each for pairs, each in zip(self.pairs, seconds))
        bandwidth = max(pairs * size / each for pairs, size, each in zip(self.pairs, self.pair_bytes, seconds))
        parts = {"weights": self.weights, "optimiser": self.state, "gradients and activations": self.working}
        memory = ", ".join(f"{name} {size / _GIB:.2f}" for name, size in parts.items())
        operations = " then ".join(f"{flops / 1e12:.4g}" for flops in self.step_flops)
        times = " then ".join(f"{each:.3g}" for each in seconds)
        return [
            f"{self.parameters:,} parameters; {describe_stages(config)}",
            f"a step: {operations} TFLOP, {times} s on {replicas} replicas at {sustained / 1e12:.4g} TFLOP/s each",
            f"memory a replica: {sum(parts.values()) / _GIB:.2f} GiB ({memory})",
            f"input: {needs:.0f} pairs of crops a second, {bandwidth / 1e6:.1f} MB/s in 8 bits",
            f"training: {sum(self.steps):,} steps, {training / 3600:.3g} hours; validation: {self.validations} times, "
            f"{validation / 3600:.3g} hours more",
        ]


def forecast(config, replicas):
    """The `Forecast` of a run of a checked config, of which nothing is executed.

    The memory of gradients and activations is that of a step whose operations run one after the other and keep their results
    in full (`footprint`); what XLA fuses takes less.

    Args:
      config: the config.
      replicas: how many share the batch.
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
        count, held = footprint(functools.partial(gradients_of, model), batch_of(model, share, stage.crop))
        flops.append(count * stage.batch // share)
        # Parts of a batch add up to gradients that are kept besides.
        working.append(held + (trained if parts > 1 else 0))
    run, crop = config.run, max(stage.crop for stage in stages)
    return Forecast(
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


def restoration_flops(model, height, width):
    """Counts the FLOPs of restoring one image, without executing anything.

    Args:
      model: an `ImageRestorer`.
      height, width: size of the image in pixels. Both are rounded up to a multiple of the model's size multiple.

    Returns:
      (FLOPs of the condition, which is encoded once per image; FLOPs of one evaluation of the network).
    """
    height, width = (-(-side // model.size_multiple) * model.size_multiple for side in (height, width))
    images = tf.TensorSpec([1, height, width, 3])
    condition = tf.function(model.encode_condition, autograph=False).get_concrete_function(images).structured_outputs
    condition = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), condition)
    once, _ = footprint(model.encode_condition, images)
    evaluation, _ = footprint(model.denoise, images, images, tf.TensorSpec([1]), condition)
    return once, evaluation


def _validation_flops(model, crop):
    """Counts the FLOPs of validating one image: its losses and its restoration."""
    losses, _ = footprint(functools.partial(validation_losses, model), batch_of(model, 1, crop))
    condition, evaluation = restoration_flops(model, crop, crop)
    return losses + condition + model.sampling_schedule(model.settings()).steps * evaluation


def batch_of(model, count, crop):
    """{name: TensorSpec} of a batch of some crops, as a system is trained with."""
    images = tf.TensorSpec([count, crop, crop, 3])
    batch = {"blurry": images, "sharp": images, "index": tf.TensorSpec([count], tf.int64)}
    return {**batch, "target": images} if model.needs_target else batch


def _bytes(variable):
    return variable.shape.num_elements() * variable.dtype.size
