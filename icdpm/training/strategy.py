"""Where a run computes."""

import os
import sys

import tensorflow as tf

from icdpm.errors import IcdpmError, summarize_error
from icdpm.training.rendezvous import meet, read_tf_config

STRATEGIES = ("single", "mirrored", "multiworker", "tpu")


def make_strategy(name, tpu="", wait=300.0):
    """The tf.distribute strategy of a name; to be called before any other TensorFlow operation.

    Args:
      name: 'single' (one device), 'mirrored' (all local GPUs; on a machine without, all logical CPUs), 'multiworker'
        (one process a worker, described by the environment variable TF_CONFIG), 'tpu'.
      tpu: name or address of the TPU for 'tpu'; '' or 'local' on a TPU VM.
      wait: seconds that 'multiworker' waits for the other workers.

    Raises:
      IcdpmError: no such strategy, or its devices cannot be reached.
    """
    if name == "single":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        return tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices(kind)])
    if name == "multiworker":
        meet(read_tf_config(), wait)
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (RuntimeError, tf.errors.OpError) as error:
            raise IcdpmError(f"the workers of TF_CONFIG cannot be brought together: {summarize_error(error)}") from error
    if name == "tpu":
        try:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=tpu or "local")
            tf.config.experimental_connect_to_cluster(resolver)
            tf.tpu.experimental.initialize_tpu_system(resolver)
        except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
            raise IcdpmError(f"no TPU could be reached as {tpu or 'local'!r}: {summarize_error(error)}") from error
        return tf.distribute.TPUStrategy(resolver)
    raise IcdpmError(f"the strategy is {name!r}; it must be one of {', '.join(STRATEGIES)}")


def is_chief(strategy):
    """Whether this process is the one that writes files and talks to the user."""
    resolver = strategy.cluster_resolver
    return (
        resolver is None
        or resolver.task_type in (None, "chief")
        or (resolver.task_type == "worker" and resolver.task_id == 0 and "chief" not in resolver.cluster_spec().as_dict())
    )


def silence_first_compilation():
    """Compiles a function with what the process writes to stderr thrown away.

    XLA announces the first compilation of a process there, past all levels of logging, and says so once only.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        tf.function(tf.negative, jit_compile=True)(tf.constant(0.0))
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
