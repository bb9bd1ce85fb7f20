"""One step of training, the same for all models: gradients, their mean over the replicas, and the update."""

from __future__ import annotations

import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.models.optimizer import AveragedAdam


def take_step(model, batch):
    """Updates a compiled model once.

    Args:
      model: an `ImageRestorer`.
      batch: this replica's part of the batch: {'blurry', 'sharp', 'index', …}.

    Returns:
      {name: float32 scalar} of the whole batch: 'loss', each loss as NAME_loss, 'gradient_norm'; of the config's own optimizer
      also the weights of the losses and the learning rate.
    """
    return update(model, *mean_over_replicas(*gradients_of(model, batch)))


def gradients_of(model, batch):
    """Computes this replica's gradients and losses.

    The batch goes through the network in `optimizer.accumulation` parts, whose gradients and losses are averaged.

    Args:
      model, batch: see `take_step`.

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
            loss = _total(losses, weights)
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

    # The first part shows which losses there are; the loop takes the others.
    start = (tf.constant(1), *share_of_part(0))
    _, gradients, losses = tf.while_loop(lambda number, *_: number < parts, add_part, start, maximum_iterations=parts - 1)
    return gradients, losses


def mean_over_replicas(gradients, losses):
    """Averages gradients, and losses {name: scalar}, over all replicas.

    It comes before anything is computed from them, so that a norm is that of the gradient which is applied.
    """
    replica = tf.distribute.get_replica_context()
    share = 1.0 / replica.num_replicas_in_sync
    gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, [g * share for g in gradients])
    reduced = replica.all_reduce(tf.distribute.ReduceOp.SUM, [loss * share for loss in losses.values()])
    return gradients, dict(zip(losses, reduced))


def update(model, gradients, losses):
    """Applies gradients that are the means over the replicas; returns what `take_step` returns.

    The config's own optimizer skips the update where a loss or the gradient is not finite. Other optimizers sum the gradients
    of the replicas, so they receive the mean divided by the number of replicas.
    """
    optimizer = model.optimizer
    weights = model.loss_weights(optimizer.iterations)
    norm = tf.linalg.global_norm(gradients)
    logs = {
        "loss": _total(losses, weights),
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


def validation_losses(model, batch):
    """Returns {NAME_loss: float32 scalar} of a batch without what is only on in training, the same at every call."""
    seeds = example_seeds([model.config.seed, RandomDomain.VALIDATION_LOSSES], batch["index"])
    return {f"{name}_loss": loss for name, loss in model.compute_losses(batch, seeds, training=False).items()}


def _total(losses, weights):
    return tf.add_n([loss * weights[name] if name in weights else loss for name, loss in losses.items()])
