"""The training loop: several steps per call, whose logs stay on the device until they are fetched."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from ml_collections import ConfigDict

from icdpm.models.training_step import gradients_of, mean_over_replicas, take_step, update

if TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer


class StepLogs:
    """Logs of consecutive training steps, on the device.

    Args:
      names: names of a step's values.
      values: float32 [steps, len(names)].
    """

    def __init__(self, names: Sequence[str], values: tf.Tensor) -> None:
        self.names = names
        self.values = values

    @staticmethod
    def fetch(several: Sequence[StepLogs]) -> list[dict[str, float]]:
        """Fetches consecutive `StepLogs` in one transfer, and waits until their steps are done.

        Returns:
          {name: value} of each step.
        """
        values = tf.concat([each.values for each in several], axis=0).numpy()
        return [dict(zip(several[0].names, map(float, row))) for row in values]


class StepRunner:
    """Runs the training steps of one stage, whose batches and crops have one size.

    Each stage has a graph of its own; one graph for several sizes would have unknown shapes. The graph, and therefore the
    weights, do not depend on the number of steps per call.

    Args:
      model: an `ImageRestorer` that is compiled with the config's optimizer.
      strategy: a strategy of `make_strategy`.
      dataset: the stage's distributed batches.
      use_xla: compile the step with XLA: as one function on one replica; on several as two, before and after the mean over
        the replicas.
    """

    def __init__(
        self, model: ImageRestorer, strategy: tf.distribute.Strategy, dataset: tf.distribute.DistributedDataset, use_xla: bool
    ) -> None:
        self._strategy = strategy
        self._step = _xla_step(model, strategy) if use_xla else functools.partial(take_step, model)
        self._batches = iter(dataset)
        self._names: tuple[str, ...] = ()
        self._run_steps = tf.function(self._run_steps_in_graph, autograph=False)

    def run_steps(self, count: int) -> StepLogs:
        """Starts `count` steps and returns their logs without waiting for them."""
        with self._strategy.scope():
            values = self._run_steps(self._batches, tf.constant(count))
        return StepLogs(self._names, values)

    def _run_steps_in_graph(self, batches: Any, count: tf.Tensor) -> tf.Tensor:
        """Returns the logged values, float32 [count, len(names)]."""

        def run_step(number: tf.Tensor, rows: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            logs = self._strategy.run(self._step, args=(next(batches),))
            self._names = tuple(logs)
            values = [self._strategy.experimental_local_results(each)[0] for each in logs.values()]
            return number + 1, rows.write(number, tf.stack([tf.cast(each, tf.float32) for each in values]))

        start = tf.constant(0), tf.TensorArray(tf.float32, size=count)
        _, rows = tf.while_loop(lambda number, _: number < count, run_step, start, parallel_iterations=1)
        return rows.stack()


def _xla_step(model: ImageRestorer, strategy: tf.distribute.Strategy) -> Callable[[Any], Any]:
    if strategy.num_replicas_in_sync == 1:
        return tf.function(functools.partial(take_step, model), jit_compile=True, autograph=False)
    compute_gradients = tf.function(functools.partial(gradients_of, model), jit_compile=True, autograph=False)
    apply_update = tf.function(functools.partial(update, model), jit_compile=True, autograph=False)
    return lambda batch: apply_update(*mean_over_replicas(*compute_gradients(batch)))


def end_of_call(step: int, run: ConfigDict, stage_stop: int) -> int:
    """Returns the number of steps done when the call that begins after `step` ends.

    A call ends early where logging, validation or a checkpoint is due, so that their periods need not divide each other.

    Args:
      step: number of steps done.
      run: the config's `run` section.
      stage_stop: number of steps done when the stage ends.
    """
    due = [step // period * period + period for period in (run.log_every, run.validate_every, run.checkpoint_every)]
    return min(step + run.steps_per_call, stage_stop, *due)


def needs_logs(step: int, run: ConfigDict) -> bool:
    """Returns whether logs are fetched after `step`: where logging, validation or a checkpoint is due, and at the end."""
    periods = run.log_every, run.validate_every, run.checkpoint_every
    return step == run.steps or any(step % period == 0 for period in periods)
