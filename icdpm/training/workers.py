"""The workers of a run, one process each: how they find each other, agree, and end together."""

import contextlib
import json
import os
import socket
import sys
import threading
import zlib
from pathlib import Path

import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.systems.config import config_to_json

# What TensorFlow raises in the others once a worker has ended; it takes ten seconds to notice.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


def check_tf_config():
    """Looks for what TensorFlow would only abort over, or wait for without an end.

    Raises:
      IcdpmError: the environment variable TF_CONFIG is missing, does not say who the workers are and which of them this is, or
        this one's port is taken.
    """
    example = '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
    if "TF_CONFIG" not in os.environ:
        raise IcdpmError("strategy multiworker needs the environment variable TF_CONFIG to name the workers and this one")
    try:
        said = json.loads(os.environ["TF_CONFIG"])
        addresses, task = said["cluster"][said["task"]["type"]], said["task"]
        ports = [int(address.rpartition(":")[2]) for address in addresses]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IcdpmError(f"the environment variable TF_CONFIG does not name the workers; an example: {example}") from error
    if type(task.get("index")) is not int or not 0 <= task["index"] < len(addresses):
        raise IcdpmError(
            f"the environment variable TF_CONFIG says that this is {task['type']} {task.get('index')}, and names "
            f"{len(addresses)} of them: they count from 0"
        )
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was left a moment ago is free
        try:
            own.bind(("", ports[task["index"]]))
        except OSError as error:
            raise IcdpmError(
                f"the port {ports[task['index']]} that TF_CONFIG gives to this worker cannot be had ({error.strerror}): "
                "another process has it, or the run that is to continue has not ended yet"
            ) from error


@contextlib.contextmanager
def given_up_after(seconds, message):
    """Ends the process with a message, as `run_command` would, where what is done within takes longer.

    TensorFlow waits for workers outside of Python, where no exception reaches it.
    """

    def give_up():
        print(f"{Path(sys.argv[0]).stem}: error: {message}", file=sys.stderr, flush=True)
        os._exit(1)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def plain_losses(where):
    """Within it, what TensorFlow raises because another worker has ended is an IcdpmError.

    Args:
      where: the workdir, or what else is said of where to go on.
    """
    try:
        yield
    except _LOST as error:
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
        self._ask = tf.function(self._ask_in_graph)

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

        return self._strategy.experimental_local_results(self._strategy.run(tell, args=(number,)))[0]

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
                raise IcdpmError(f"worker {other} has {what} than worker 0: {remedy}")
