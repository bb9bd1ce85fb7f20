"""One step of training or validation, the same for all models and for both `fit` and icdpm-train.

A step computes losses and gradients of a batch (`icdpm.models.batches`), averages them over the replicas and updates the
weights.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence

import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.errors import IcdpmError
from icdpm.keras import loss_scale
from icdpm.models.optimizer import AveragedAdam

if typing.TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer

Batch = Mapping[str, tf.Tensor]
Scalars = dict  # {name: float32 scalar}

LARGEST_PSNR = 100.0  # dB, also of equal images, so that means over images are finite


def take_step(model: ImageRestorer, batch: Batch, share: tf.Tensor | None = None) -> Scalars:
    """Updates the weights of a compiled model once.

    Args:
      model: a compiled `ImageRestorer`.
      batch: this replica's part of the batch: {'blurry', 'sharp', 'index', …}.
      share: this replica's share of the examples (`icdpm.models.batches.count_examples`); None: all replicas have equally
        many.

    Returns:
      {name: float32 scalar} for the whole batch: 'loss', each loss as NAME_loss, weights of losses as NAME_weight and
      'gradient_norm'; with the config's own optimizer also 'learning_rate'.
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
    if isinstance(parts, int) and parts == 1:
        return _gradients_at_once(model, batch, weights)
    divided = {key: tf.reshape(x, tf.concat([[parts, -1], tf.shape(x)[1:]], axis=0)) for key, x in batch.items()}
    count = tf.cast(parts, tf.float32)

    def share_of_part(number):
        part = {key: x[number] for key, x in divided.items()}
        return tf.nest.map_structure(lambda x: x / count, _gradients_at_once(model, part, weights))

    def add_part(number, mean):
        return number + 1, tf.nest.map_structure(tf.add, mean, share_of_part(number))

    # The first part shows which losses exist; the loop processes the others.
    start = (tf.constant(1), share_of_part(0))
    return tf.while_loop(lambda number, _: number < parts, add_part, start, maximum_iterations=parts - 1)[1]


def _gradients_at_once(model: ImageRestorer, batch: Batch, weights: Scalars) -> tuple[list[tf.Tensor], Scalars]:
    """Returns the result of `gradients_of` for a batch that is processed in one part.

    Args:
      model: see `gradients_of`.
      batch: see `gradients_of`.
      weights: {name: weight} of the losses.
    """
    variables = model.trainable_tensors
    if not variables:
        raise IcdpmError("The model has no trainable weights. Unfreeze layers, then call compile().")
    seeds = example_seeds([model.config.seed, RandomDomain.TRAINING_LOSSES], batch["index"])
    with tf.GradientTape() as tape:
        losses = model.compute_losses(batch, seeds, training=True)
        loss = total_loss(losses, weights)
    return tape.gradient(loss, variables, unconnected_gradients="zero"), losses


def _equal_parts(examples: tf.Tensor, least: int) -> int | tf.Tensor:
    """Returns the smallest number of equal parts of a batch, [batch, …], that is at least `least`; or one part per example."""
    if least == 1 or (examples.shape[0] or 1) % least == 0:
        return least
    size = tf.shape(examples)[0]
    candidates = tf.range(tf.minimum(least, size), size + 1)
    return tf.reduce_min(tf.where(size % candidates == 0, candidates, size))


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
    replicas and therefore receive the mean divided by the number of replicas; those that scale the loss receive it scaled.
    """
    optimizer = model.optimizer
    weights = model.loss_weights(optimizer.iterations)
    norm = tf.linalg.global_norm(gradients)
    logs = {
        "loss": total_loss(losses, weights),
        **loss_logs(losses),
        **{f"{name}_weight": weight for name, weight in weights.items()},
        "gradient_norm": norm,
    }
    if isinstance(optimizer, AveragedAdam):
        logs["learning_rate"] = optimizer.learning_rate
        optimizer.step(gradients, norm, tf.reduce_all(tf.math.is_finite([norm, *losses.values()])))
    else:
        replicas, scale = tf.distribute.get_replica_context().num_replicas_in_sync, loss_scale(optimizer)
        optimizer.apply_gradients(zip([g * scale / replicas for g in gradients], model.trainable_variables))
    return logs


# Validation.


def validation_losses(model: ImageRestorer, batch: Batch) -> Scalars:
    """Returns {name: float32 scalar} of a batch without training-only parts; repeated calls give equal results."""
    seeds = example_seeds([model.config.seed, RandomDomain.VALIDATION_LOSSES], batch["index"])
    return model.compute_losses(batch, seeds, training=False)


def loss_logs(losses: Scalars) -> Scalars:
    """Returns losses, {name: scalar}, under the names by which logs and Keras show them, NAME_loss."""
    return {f"{name}_loss": loss for name, loss in losses.items()}


def mean_psnr(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Returns the mean PSNR in dB, at most 100 per image, of images in [−1, 1], measured on 8 bits; float32 scalar."""
    difference = _to_levels(restored) - _to_levels(sharp)
    square = tf.reduce_mean(tf.square(difference), axis=[1, 2, 3])
    psnr = 10.0 * tf.math.log(255.0**2 / square) / tf.math.log(10.0)
    return tf.reduce_mean(tf.minimum(psnr, LARGEST_PSNR))


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
