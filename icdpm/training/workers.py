"""The workers of a run, one process each: how they agree, and end together."""

import contextlib
import zlib

import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.models.config import config_to_json

# What TensorFlow raises in the others once a worker has ended; it takes ten seconds to notice.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


@contextlib.contextmanager
def plain_losses(where):
    """Within it, what TensorFlow raises because another worker has ended is an IcdpmError.

    Args:
      where: the workdir, or what else is said of where to go on.
    """
    try:
        yield
    except _LOST as error:
        if not isinstance(error, tf.errors.UnavailableError) and "ollective" not in str(error):
            raise
        raise IcdpmError(
            "another worker has ended or cannot be reached any more: what it says last tells why; start all of them again, and "
            f"the same command continues in {where}"
        ) from error


class Workers:
    """The workers of a strategy: all ask each other the same questions in the same order.

    Attributes:
      several: whether there are others.
    """

    def __init__(self, strategy):
        self.several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self._strategy = strategy
        self._ask = tf.function(self._ask_in_graph, autograph=False)

    def say(self, number):
        """What every worker says, as a list of whole numbers: waits for all of them."""
        if not self.several:
            return [number]
        with self._strategy.scope():
            return self._ask(tf.constant(number, tf.int64)).numpy().tolist()

    def _ask_in_graph(self, number):
        def tell(number):
            replica = tf.distribute.get_replica_context()
            place = tf.one_hot(replica.replica_id_in_sync_group, replica.num_replicas_in_sync, dtype=tf.int64)
            return replica.all_reduce(tf.distribute.ReduceOp.SUM, [number * place])[0]

        told = self._strategy.experimental_local_results(self._strategy.run(tell, args=(number,)))
        return told[0][:: len(told)]  # the replicas of a worker say the same

    def agree(self, config, pairs, step):
        """Sees to it that all are about to do the same.

        Args:
          config: the config.
          pairs: how many pairs there are to train on.
          step: of the latest checkpoint in the workdir.

        Raises:
          IcdpmError: they are not.
        """
        questions = {
            "another config": (zlib.crc32(config_to_json(config).encode()), "give the same --config and --set to all"),
            "another number of training pairs": (pairs, "give the same --data to all"),
            "another checkpoint in the workdir": (step, "--workdir has to be one folder that all of them reach"),
        }
        for what, (mine, remedy) in questions.items():
            said = self.say(mine)
            other = next((number for number, each in enumerate(said) if each != said[0]), None)
            if other is not None:
                with contextlib.suppress(*_LOST):
                    self.say(0)  # who leaves at once takes the answer from those that still wait for it
                raise IcdpmError(f"worker {other} has {what} than worker 0: {remedy}")
