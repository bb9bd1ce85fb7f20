"""Coordination of the workers of a run, one process each: exchanged numbers, equal inputs and a common end."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator

import tensorflow as tf
from ml_collections import ConfigDict

from icdpm.errors import IcdpmError
from icdpm.models.config import config_to_json

# Raised by TensorFlow in the remaining workers about ten seconds after one has ended.
_LOST_WORKER_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


@contextlib.contextmanager
def lost_workers_as_errors(workdir: str | os.PathLike) -> Iterator[None]:
    """Converts TensorFlow's errors about a lost worker to an `IcdpmError`.

    Args:
      workdir: the folder of the run, for the message.
    """
    try:
        yield
    except _LOST_WORKER_ERRORS as error:
        if not isinstance(error, tf.errors.UnavailableError) and "ollective" not in str(error):
            raise
        raise IcdpmError(
            "Another worker has ended or can no longer be reached; its last message gives the reason. Start all workers again "
            f"with the same command, which continues in {workdir}."
        ) from error


class Workers:
    """The workers of a strategy. Every worker makes the same calls in the same order.

    Attributes:
      are_several: whether the run has more than one worker.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self.are_several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self._strategy = strategy
        self._gather = tf.function(self._gather_in_graph, autograph=False)

    def all_gather(self, number: int) -> list[int]:
        """Returns the number of every worker, in their order. Waits for all workers."""
        if not self.are_several:
            return [number]
        with self._strategy.scope():
            return self._gather(tf.constant(number, tf.int64)).numpy().tolist()

    def wait_for_others(self) -> None:
        """Waits until all workers have made this call. Every worker makes it before it ends.

        If a worker ends right after an exchange, others that still wait for the result of the exchange may lose it. Hence two
        exchanges: all workers that reach the second one have the result of the first one, and nobody needs that of the second.
        """
        self.all_gather(0)
        with contextlib.suppress(*_LOST_WORKER_ERRORS):
            self.all_gather(0)

    def _gather_in_graph(self, number: tf.Tensor) -> tf.Tensor:
        def gather(number: tf.Tensor) -> tf.Tensor:
            replica = tf.distribute.get_replica_context()
            place = tf.one_hot(replica.replica_id_in_sync_group, replica.num_replicas_in_sync, dtype=tf.int64)
            return replica.all_reduce(tf.distribute.ReduceOp.SUM, [number * place])[0]

        results = self._strategy.experimental_local_results(self._strategy.run(gather, args=(number,)))
        return results[0][:: len(results)]  # the replicas of a worker have the same number

    def check_consistent(self, config: ConfigDict, pairs: int, step: int) -> None:
        """Checks that all workers have the same config, data and checkpoint.

        Args:
          config: the config.
          pairs: number of training pairs.
          step: step of the latest checkpoint in the workdir, 0 without one.

        Raises:
          IcdpmError: the workers differ.
        """
        checksum = zlib.crc32(config_to_json(config).encode())
        checks = {
            "a different config": (checksum, "Give all workers the same --config and --set."),
            "a different number of training pairs": (pairs, "Give all workers the same --data."),
            "a different checkpoint in its workdir": (step, "--workdir must be one folder that all workers can access."),
        }
        for difference, (own, remedy) in checks.items():
            values = self.all_gather(own)
            other = next((number for number, value in enumerate(values) if value != values[0]), None)
            if other is not None:
                self.wait_for_others()
                raise IcdpmError(f"Worker {other} has {difference} than worker 0. {remedy}")
