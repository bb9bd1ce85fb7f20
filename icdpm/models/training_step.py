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

# Bound of the number of examples of one step; examples without a number of their own are numbered by step and position.
LARGEST_BATCH = 2**32
_LARGEST_VALUE = 2  # of a float image; values in [0, 255] exceed it
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
      IcdpmError: an image is missing, the data have sample weights, or images are not as `as_images` requires.
    """
    given = data if isinstance(data, (tuple, list)) else (data,)
    if len(given) > 2 and given[2] is not None:
        raise IcdpmError(
            "Every example has the same weight. Received: a batch with a third element, which Keras takes for sample weights "
            "(sample_weight, class_weight). Remove it; repeat examples of more weight in the data instead."
        )
    batch = dict(given[0]) if isinstance(given[0], dict) else dict(zip(("blurry", "sharp"), given))
    required = ("blurry", "sharp", "target") if needs_target else ("blurry", "sharp")
    missing = [name for name in required if batch.get(name) is None]
    if missing:
        raise IcdpmError(
            f"A batch must be (blurry, sharp) or a dict with {', '.join(map(repr, required))}. Received: no {missing[0]!r}."
        )
    for name in required:
        images = as_images(batch[name])
        is_divisible = all(side is not None and side % size_multiple == 0 for side in images.shape[1:3])
        batch[name] = images if is_divisible else reflect_pad_to_multiple(images, size_multiple)
    return {name: batch[name] for name in (*required, *({"index"} & batch.keys()))}


def as_images(images: Any) -> tf.Tensor:
    """Converts images as users give them to float32 in [−1, 1].

    Args:
      images: [batch, height, width, 3]; uint8, uint16 or float in [−1, 1], which noise may exceed a little.

    Raises:
      IcdpmError: another shape or dtype.
      tf.errors.InvalidArgumentError: float values far beyond [−1, 1]; within a function that XLA compiles, there is no check.
    """
    images = tf.convert_to_tensor(images)
    if images.shape.rank not in (None, 4) or images.shape.rank == 4 and images.shape[-1] not in (None, 3):
        raise IcdpmError(
            f"Images must be RGB with the shape [batch, height, width, 3]. Received: {images.shape}. Add the batch dimension "
            "by image[None]; repeat gray in three channels; remove alpha."
        )
    if images.dtype in (tf.uint8, tf.uint16):
        return to_minus_one_one(images)
    if not images.dtype.is_floating:
        raise IcdpmError(f"Images must be uint8, uint16 or float in [−1, 1]. Received: {images.dtype.name}.")
    largest = tf.reduce_max(tf.abs(images), keepdims=True)
    message = "Images of floats must be in [-1, 1] (or uint8 in 0 to 255). Received values up to"
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(~(largest > _LARGEST_VALUE)), [message, largest])]):
        return to_minus_one_one(images)


def with_index(batch: Batch, first: tf.Tensor, examples: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns a batch with 'index' (int64 [batch]): the given one, or numbers from `first` on, replica by replica.

    Args:
      batch: images, at least one.
      first: int64 number of the first example of all replicas.
      examples: number of examples before `fill_empty`.
    """
    filled = tf.shape(batch["blurry"], out_type=tf.int64)[0]
    if "index" in batch:
        given = tf.cast(batch["index"], tf.int64)
        return {**batch, "index": tf.concat([given, tf.zeros([filled - tf.size(given, tf.int64)], tf.int64)], axis=0)}
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    return {**batch, "index": first + tf.cast(replica, tf.int64) * tf.cast(examples, tf.int64) + tf.range(filled)}


def blurry_of(data: Any) -> Any:
    """Returns the blurry images of images, (blurry, …) or {'blurry', …}."""
    while isinstance(data, (tuple, list)):
        data = data[0]
    return data["blurry"] if isinstance(data, dict) else data


# Training.


def take_step(model: ImageRestorer, batch: Batch, share: tf.Tensor | None = None) -> Scalars:
    """Updates the weights of a compiled model once.

    Args:
      model: a compiled `ImageRestorer`.
      batch: this replica's part of the batch: {'blurry', 'sharp', 'index', …}.
      share: this replica's share of the examples, as `count_examples` returns it; None: all replicas have equally many.

    Returns:
      {name: float32 scalar} for the whole batch: 'loss', each loss as NAME_loss, 'gradient_norm'; with the config's own
      optimizer also the weights of the losses and the learning rate.
    """
    return update(model, *mean_over_replicas(*gradients_of(model, batch), share))


def gradients_of(model: ImageRestorer, batch: Batch) -> tuple[list[tf.Tensor], Scalars]:
    """Computes this replica's gradients and losses.

    The batch is processed in `optimizer.accumulation` parts, over which gradients and losses are averaged; in more parts if
    this number does not divide the batch, as the last one of an epoch.

    Args:
      model: a compiled `ImageRestorer`.
      batch: this replica's part of the batch: {'blurry', 'sharp', 'index', …}.

    Returns:
      (gradients of the trained weights, {name: loss}).
    """
    weights = model.loss_weights(model.optimizer.iterations)
    parts = _equal_parts(batch["index"], model.config.optimizer.accumulation)
    variables = model.trainable_tensors

    def gradients_of_part(part):
        seeds = example_seeds([model.config.seed, RandomDomain.TRAINING_LOSSES], part["index"])
        with tf.GradientTape() as tape:
            losses = model.compute_losses(part, seeds, training=True)
            loss = total_loss(losses, weights)
        return tape.gradient(loss, variables, unconnected_gradients="zero"), losses

    if isinstance(parts, int) and parts == 1:
        return gradients_of_part(batch)
    divided = {key: tf.reshape(x, tf.concat([[parts, -1], tf.shape(x)[1:]], axis=0)) for key, x in batch.items()}

    count = tf.cast(parts, tf.float32)

    def share_of_part(number):
        gradients, losses = gradients_of_part({key: x[number] for key, x in divided.items()})
        return [g / count for g in gradients], {name: loss / count for name, loss in losses.items()}

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


def _equal_parts(examples: tf.Tensor, least: int) -> int | tf.Tensor:
    """Returns the smallest number of equal parts of a batch, [batch, …], that is at least `least`; or one part per example."""
    if least == 1 or (examples.shape[0] or 1) % least == 0:
        return least
    size = tf.shape(examples)[0]
    candidates = tf.range(tf.minimum(least, size), size + 1)
    return tf.reduce_min(tf.where(size % candidates == 0, candidates, size))


def fill_empty(images: tf.Tensor, size_multiple: int) -> tf.Tensor:
    """Returns images, [batch, height, width, 3] of any dtype, or one black image if there are none.

    TensorFlow's convolutions on CPUs fail without images. Nothing changes on one replica, which always has some.
    """
    if tf.distribute.get_replica_context().num_replicas_in_sync == 1:
        return images
    sides = tf.maximum(tf.shape(images)[1:3], size_multiple)
    shape = tf.concat([[1], sides, [3]], axis=0)
    filled = tf.cond(tf.shape(images)[0] > 0, lambda: images, lambda: tf.zeros(shape, images.dtype))
    return tf.ensure_shape(filled, [None, *images.shape[1:]])


def count_examples(examples: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Counts the examples of all replicas.

    In the last batch of an epoch, replicas may have fewer examples than others, or none.

    Args:
      examples: int32 number of examples of this replica.

    Returns:
      (number of examples of all replicas, float32; this replica's share of them, float32 scalar, None on one replica).
    """
    replica = tf.distribute.get_replica_context()
    count = tf.cast(examples, tf.float32)
    if replica.num_replicas_in_sync == 1:
        return count, None
    total = replica.all_reduce(tf.distribute.ReduceOp.SUM, count)
    return total, count / total


def mean_over_replicas(
    gradients: Sequence[tf.Tensor], losses: Scalars, share: tf.Tensor | None = None
) -> tuple[Sequence[tf.Tensor], Scalars]:
    """Averages gradients and losses ({name: scalar}) over all replicas, weighted by `share` (see `take_step`).

    Norms are computed from the result, so that they are those of the gradient that is applied.
    """
    return _weighted_sums(gradients, share), replica_means(losses, share)


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


def replica_means(scalars: Scalars, share: tf.Tensor | None = None) -> Scalars:
    """Averages {name: scalar} over all replicas, weighted by `share` (see `take_step`)."""
    return dict(zip(scalars, _weighted_sums(list(scalars.values()), share)))


def _weighted_sums(tensors: Sequence[tf.Tensor], share: tf.Tensor | None) -> Sequence[tf.Tensor]:
    """Returns the sum over all replicas of each tensor times the replica's share; by default all replicas have equal shares."""
    replica = tf.distribute.get_replica_context()
    if share is None:
        weighted = [x * (1.0 / replica.num_replicas_in_sync) for x in tensors]
    else:
        weighted = [tf.math.multiply_no_nan(x, share) for x in tensors]  # the mean over no examples is NaN
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, weighted)


def total_loss(losses: Scalars, weights: Scalars) -> tf.Tensor:
    """Returns the weighted sum of losses; those without a weight have weight 1."""
    return tf.add_n([loss * weights[name] if name in weights else loss for name, loss in losses.items()])


def _to_levels(images):
    return tf.round(tf.clip_by_value((images + 1.0) * 127.5, 0.0, 255.0))
