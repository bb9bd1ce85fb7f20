"""Steps of a run, several to a call, and what they say: on the device until somebody looks."""

import functools

import tensorflow as tf

from icdpm.models.training_step import gradients_of, mean_over_replicas, take_step, update


class Steps:
    """Takes the steps of a stage.

    A graph of its own for every stage: one for the sizes of several rounds otherwise. However many steps a call takes, the
    graph is the same, and so are the weights.

    Args:
      model: an `ImageRestorer` that is compiled with the config's own optimizer.
      strategy: of `make_strategy`.
      dataset: the stage's distributed batches.
      compiled: whether XLA compiles the step. Of one replica that is one function. Of several it is two, with the mean over the
        replicas between: all that comes before, and all that comes after.
    """

    def __init__(self, model, strategy, dataset, compiled):
        self._strategy = strategy
        self._step = _compiled_step(model, strategy) if compiled else functools.partial(take_step, model)
        self._batches = iter(dataset)
        self._names = ()
        self._take = tf.function(self._take_in_graph, autograph=False)

    def take(self, count):
        """Takes some steps and does not wait for them; returns their `Numbers`."""
        with self._strategy.scope():
            rows = self._take(self._batches, tf.constant(count))
        return Numbers(self._names, rows)

    def _take_in_graph(self, batches, count):
        """What each step logs, float32 [count, len(names)]."""

        def take_one(number, rows):
            logs = self._strategy.run(self._step, args=(next(batches),))
            self._names = tuple(logs)
            values = [self._strategy.experimental_local_results(each)[0] for each in logs.values()]
            return number + 1, rows.write(number, tf.stack([tf.cast(each, tf.float32) for each in values]))

        start = tf.constant(0), tf.TensorArray(tf.float32, size=count)
        _, rows = tf.while_loop(lambda number, _: number < count, take_one, start, parallel_iterations=1)
        return rows.stack()


class Numbers:
    """What some steps have logged, on the device.

    Args:
      names: of the numbers of a step.
      rows: float32 tensor [steps, len(names)].
    """

    def __init__(self, names, rows):
        self.names = names
        self.rows = rows

    @staticmethod
    def fetch(several):
        """[{name: number} of each step] of a list of Numbers, one after the other: waits for all of them, once."""
        rows = tf.concat([each.rows for each in several], axis=0).numpy()
        return [dict(zip(several[0].names, map(float, row))) for row in rows]


def _compiled_step(model, strategy):
    if strategy.num_replicas_in_sync == 1:
        return tf.function(functools.partial(take_step, model), jit_compile=True, autograph=False)
    gradients = tf.function(functools.partial(gradients_of, model), jit_compile=True, autograph=False)
    updated = tf.function(functools.partial(update, model), jit_compile=True, autograph=False)
    return lambda batch: updated(*mean_over_replicas(*gradients(batch)))


def next_stop(step, run, stage_stop):
    """Where the call of steps that begins after `step` has to end: at the latest where something is due.

    Args:
      step: steps done.
      run: the config's `run` section.
      stage_stop: the stage's last step.
    """
    due = [step // every * every + every for every in (run.log_every, run.validate_every, run.checkpoint_every)]
    return min(step + run.steps_per_call, stage_stop, *due)


def is_due(step, run):
    """Whether anybody looks at what the steps have said: every `log_every` steps, and where more is done than to take steps."""
    return step == run.steps or any(step % every == 0 for every in (run.log_every, run.validate_every, run.checkpoint_every))
