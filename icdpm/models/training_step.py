"""One step of training or validation, the same for all models and for both `fit` and icdpm-train.

A step prepares a batch, computes losses and gradients, averages them over the replicas and updates the weights.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.errors import IcdpmError
from icdpm.models.optimizer import AveragedAdam
from icdpm.networks.operations import reflect_pad_to_multiple, to_minus_one_one

if typing.TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer

Batch = Mapping[str, tf.Tensor]
Scalars = dict  # {name: float32 scalar}

# Bound of the number of examples of one step.
_LARGEST_BATCH = 2**32
_SMALLEST_SQUARED_ERROR = 1e-10  # of a PSNR, in squares of an 8-bit step


# Batches.


def as_batch(data: Any, size_multiple: int, needs_target: bool) -> dict[str, tf.Tensor]:
    """Converts the data of a Keras step to a batch.

    Args:
      data: (blurry, sharp) or a dict with both; images [batch, height, width, 3], uint8, uint16 or float in [−1, 1].
      size_multiple: images are padded by reflection unless their sides are known to be divisible by this number.
      needs_target: whether 'target' is required.

    Returns:
      {'blurry', 'sharp'}, with 'target' if required and 'index' if given.

    Raises:
      IcdpmError: an image is missing.
    """
    data = data[0] if isinstance(data, (tuple, list)) and isinstance(data[0], dict) else data
    if not isinstance(data, dict):
        data = dict(zip(("blurry", "sharp"), data if isinstance(data, (tuple, list)) else [data]))
    batch = dict(data)
    required = ("blurry", "sharp", "target") if needs_target else ("blurry", "sharp")
    missing = [name for name in required if batch.get(name) is None]
    if missing:
        raise IcdpmError(
            f"A batch must be (blurry, sharp) or a dict with {', '.join(map(repr, required))}. Received: no {missing[0]!r}."
        )
    for name in required:
        images = to_minus_one_one(batch[name])
        is_divisible = all(side is not None and side % size_multiple == 0 for side in images.shape[1:3])
        batch[name] = images if is_divisible else reflect_pad_to_multiple(images, size_multiple)
    return {name: batch[name] for name in (*required, *({"index"} & batch.keys()))}


def with_index(batch: Batch, step: tf.Tensor | int) -> dict[str, tf.Tensor]:
    """Returns a batch with 'index' (int64 [batch]): the given one, or numbers from the step and the batch slot."""
    if "index" in batch:
        return {**batch, "index": tf.cast(batch["index"], tf.int64)}
    count = tf.shape(batch["blurry"], out_type=tf.int64)[0]
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    first = tf.cast(step, tf.int64) * _LARGEST_BATCH + tf.cast(replica, tf.int64) * count
    return {**batch, "index": first + tf.range(count)}


def blurry_of(data: Any) -> Any:
    """Returns the blurry images of images, (blurry, …) or {'blurry', …}."""
    while isinstance(data, (tuple, list)):
        data = data[0]
    return data["blurry"] if isinstance(data, dict) else data


# Training.


def take_step(model: ImageRestorer, batch: Batch) -> Scalars:
    """Updates the weights of a compiled model once.

    Args:
      model: a compiled `ImageRestorer`.
      batch: this replica's part of the batch: {'blurry', 'sharp', 'index', …}.

    Returns:
      {name: float32 scalar} for the whole batch: 'loss', each loss as NAME_loss, 'gradient_norm'; with the config's own
      optimizer also the weights of the losses and the learning rate.
    """
    return update(model, *mean_over_replicas(*gradients_of(model, batch)))


def gradients_of(model: ImageRestorer, batch: Batch) -> tuple[list[tf.Tensor], Scalars]:
    """Computes this replica's gradients and losses.

    The batch is processed in `optimizer.accumulation` parts, over which gradients and losses are averaged.

    Args:
      model: a compiled `ImageRestorer`.
      batch: this replica's part of the batch: {'blurry', 'sharp', 'index', …}.

    Returns:
      (gradients of the trained weights, {name: loss}).
    """
    weights = model.loss_weights(model.optimizer.iterations)
    parts = model.config.optimizer.accumulation
    variables = model.trainable_tensors

    def gradients_of_part(part):
        seeds = example_seeds([model.config.seed, RandomDomain.TRAINING_LOSSES], part["index"])
        with tf.GradientTape() as tape:
            losses = model.compute_losses(part, seeds, training=True)
            loss = total_loss(losses, weights)
        return tape.gradient(loss, variables, unconnected_gradients="zero"), losses

    if parts == 1:
        return gradients_of_part(batch)
    divided = {key: tf.reshape(x, tf.concat([[parts, -1], tf.shape(x)[1:]], axis=0)) for key, x in batch.items()}

    def share_of_part(number):
        gradients, losses = gradients_of_part({key: x[number] for key, x in divided.items()})
        return [g / parts for g in gradients], {name: loss / parts for name, loss in losses.items()}

    def add_part(number, gradients, losses):
        more_gradients, more_losses = share_of_part(number)
        return (
            number + 1,
            [total + g for total, g in zip(gradients, more_gradients)],
            {name: total + more_losses[name] for name, total in losses.items()},
        )

    # The first part shows which losses exist; the loop processes the others.
    start = (tf.constant(1), *share_of_part(0))
    _, gradients, losses = tf.while_loop(lambda number, *_: number < parts, add_part, start, maximum_iterations=parts - 1)
    return gradients, losses


def mean_over_replicas(gradients: Sequence[tf.Tensor], losses: Scalars) -> tuple[Sequence[tf.Tensor], Scalars]:
    """Averages gradients and losses ({name: scalar}) over all replicas.

    Norms are computed from the result, so that they are those of the gradient that is applied.
    """
    replica = tf.distribute.get_replica_context()
    share = 1.0 / replica.num_replicas_in_sync
    gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, [g * share for g in gradients])
    return gradients, replica_means(losses)


def update(model: ImageRestorer, gradients: Sequence[tf.Tensor], losses: Scalars) -> Scalars:
    """Applies gradients that are means over the replicas; returns the result of `take_step`.

    The config's own optimizer skips the update if a loss or the gradient is not finite. Other optimizers sum gradients over the
    replicas and therefore receive the mean divided by the number of replicas.
    """
    optimizer = model.optimizer
    weights = model.loss_weights(optimizer.iterations)
    norm = tf.linalg.global_norm(gradients)
    logs = {
        "loss": total_loss(losses, weights),
        **{f"{name}_loss": loss for name, loss in losses.items()},
        **{f"{name}_weight": weight for name, weight in weights.items()},
        "gradient_norm": norm,
    }
    if isinstance(optimizer, AveragedAdam):
        logs["learning_rate"] = optimizer.learning_rate
        optimizer.step(gradients, norm, tf.reduce_all(tf.math.is_finite([norm, *losses.values()])))
    else:
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        optimizer.apply_gradients(zip([g / replicas for g in gradients], model.trainable_variables))
    return logs


# Validation.


def validation_losses(model: ImageRestorer, batch: Batch) -> Scalars:
    """Returns {NAME_loss: float32 scalar} of a batch without training-only parts; repeated calls give equal results."""
    seeds = example_seeds([model.config.seed, RandomDomain.VALIDATION_LOSSES], batch["index"])
    return {f"{name}_loss": loss for name, loss in model.compute_losses(batch, seeds, training=False).items()}


def mean_psnr(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Returns the mean PSNR in dB of images in [−1, 1], measured on 8 bits; float32 scalar."""
    difference = _to_levels(restored) - _to_levels(sharp)
    square = tf.maximum(tf.reduce_mean(tf.square(difference), axis=[1, 2, 3]), _SMALLEST_SQUARED_ERROR)
    return tf.reduce_mean(10.0 * tf.math.log(255.0**2 / square) / tf.math.log(10.0))


def replica_means(scalars: Scalars) -> Scalars:
    """Averages {name: scalar} over all replicas."""
    replica = tf.distribute.get_replica_context()
    share = 1.0 / replica.num_replicas_in_sync
    return dict(zip(scalars, replica.all_reduce(tf.distribute.ReduceOp.SUM, [value * share for value in scalars.values()])))


def total_loss(losses: Scalars, weights: Scalars) -> tf.Tensor:
    """Returns the weighted sum of losses; those without a weight have weight 1."""
    return tf.add_n([loss * weights[name] if name in weights else loss for name, loss in losses.items()])


def _to_levels(images):
    return tf.round(tf.clip_by_value((images + 1.0) * 127.5, 0.0, 255.0))
