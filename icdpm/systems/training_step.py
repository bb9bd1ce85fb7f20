"""One step of training, of any system."""

import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds


class TrainingStep:
    """What Keras' `fit` calls: it knows of a system its `losses`, their `loss_weights` and its config's section optimizer."""

    # What `train_step` returns is already reduced over the replicas.
    distribute_reduction_method = "first"

    def train_step(self, batch):
        """One update from {'blurry', 'sharp', 'index', …}; returns losses, their weights, gradient norm, learning rate.

        The losses returned are those of the whole global batch. The batch goes through the network in
        `optimizer.accumulation` parts, whose gradients are averaged. Where a loss or the gradient is not finite there is no
        update, and nothing changes.
        """
        return self.update(*mean_over_replicas(*self.gradients(batch)))

    def gradients(self, batch):
        """(gradients of this replica's batch, its losses {name: scalar}): the first part of a step."""
        weights = self.loss_weights(self.optimizer.iterations)
        return self._accumulated_gradients(batch, weights)

    def update(self, gradients, losses):
        """The last part of a step, from the means over the replicas; returns what `train_step` does."""
        step = self.optimizer.iterations
        weights = self.loss_weights(step)
        norm = tf.linalg.global_norm(gradients)
        finite = tf.reduce_all(tf.math.is_finite([norm, *losses.values()]))
        limit = self.config.optimizer.gradient_clip
        if limit:
            scale = limit / tf.maximum(norm, limit)
            gradients = [g * scale for g in gradients]
        learning_rate = self.optimizer.learning_rate
        logs = {
            "loss": _total(losses, weights),
            **{f"{name}_loss": loss for name, loss in losses.items()},
            **{f"{name}_weight": weight for name, weight in weights.items()},
            "gradient_norm": norm,
            "learning_rate": learning_rate(step) if callable(learning_rate) else learning_rate + 0.0,
        }
        self.optimizer.apply(gradients, self.trainable_variables, wanted=finite)
        return logs

    def test_step(self, batch):
        """The losses of {'blurry', 'sharp', 'index', …} without what is only on in training; the same numbers at every call."""
        seeds = example_seeds([self.config.seed, RandomDomain.VALIDATION_LOSSES], batch["index"])
        return {f"{name}_loss": loss for name, loss in self.losses(batch, seeds, training=False).items()}

    def _accumulated_gradients(self, batch, weights):
        """Mean gradient and mean losses over the parts of this replica's batch."""
        parts = self.config.optimizer.accumulation
        variables = self.trainable_variables

        def gradients_of(part):
            seeds = example_seeds([self.config.seed, RandomDomain.TRAINING_LOSSES], part["index"])
            with tf.GradientTape() as tape:
                losses = self.losses(part, seeds, training=True)
                loss = _total(losses, weights)
            return tape.gradient(loss, variables, unconnected_gradients="zero"), losses

        if parts == 1:
            return gradients_of(batch)
        divided = {key: tf.reshape(x, tf.concat([[parts, -1], tf.shape(x)[1:]], axis=0)) for key, x in batch.items()}

        def gradients_of_part(number):
            gradients, losses = gradients_of({key: x[number] for key, x in divided.items()})
            return [g / parts for g in gradients], {name: loss / parts for name, loss in losses.items()}

        def add_part(number, gradients, losses):
            more_gradients, more_losses = gradients_of_part(number)
            return (
                number + 1,
                [total + g for total, g in zip(gradients, more_gradients)],
                {name: total + more_losses[name] for name, total in losses.items()},
            )

        # The first part tells what losses there are; the loop takes the others.
        start = (tf.constant(1), *gradients_of_part(0))
        _, gradients, losses = tf.while_loop(lambda number, *_: number < parts, add_part, start, maximum_iterations=parts - 1)
        return gradients, losses


def mean_over_replicas(gradients, losses):
    """The middle part of a step: the means of gradients, and of losses {name: scalar}, over all replicas.

    Taken before anything is made of them, so that a norm is that of the gradient which is applied.
    """
    replica = tf.distribute.get_replica_context()
    share = 1.0 / replica.num_replicas_in_sync
    gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, [g * share for g in gradients])
    reduced = replica.all_reduce(tf.distribute.ReduceOp.SUM, [loss * share for loss in losses.values()])
    return gradients, dict(zip(losses, reduced))


def _total(losses, weights):
    return tf.add_n([loss * weights[name] if name in weights else loss for name, loss in losses.items()])
