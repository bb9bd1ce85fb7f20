"""Distribution strategies: one device, several GPUs, several workers, TPUs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import tensorflow as tf

from icdpm.errors import IcdpmError, summarize_error
from icdpm.training.rendezvous import read_tf_config, wait_for_workers
from icdpm_datasets.pairs import PairSource, needs_python

STRATEGIES = ("single", "mirrored", "multiworker", "tpu")


def make_strategy(name: str, tpu: str | None = None, wait: float = 300.0) -> tf.distribute.Strategy:
    """Creates a `tf.distribute` strategy. Must be called before any other TensorFlow operation.

    Args:
      name: 'single' (one device), 'mirrored' (all local GPUs; without a GPU, all logical CPUs), 'multiworker' (one process per
        worker, described by the environment variable TF_CONFIG) or 'tpu'.
      tpu: name or address of the TPU for 'tpu'; None, '' or 'local' on a TPU VM.
      wait: seconds that 'multiworker' waits for the other workers.

    Raises:
      IcdpmError: the name is unknown, or the devices cannot be reached.
    """
    if name == "single":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        return tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices(kind)])
    if name == "multiworker":
        wait_for_workers(read_tf_config(), wait)
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (RuntimeError, tf.errors.OpError) as error:
            raise IcdpmError(f"The workers of TF_CONFIG cannot be connected: {summarize_error(error)}") from error
    if name == "tpu":
        try:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=tpu or "local")
            tf.config.experimental_connect_to_cluster(resolver)
            tf.tpu.experimental.initialize_tpu_system(resolver)
        except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
            raise IcdpmError(f"TPU {tpu or 'local'!r} cannot be reached: {summarize_error(error)}") from error
        return tf.distribute.TPUStrategy(resolver)
    raise IcdpmError(f"The strategy must be one of {', '.join(STRATEGIES)}. Received: {name!r}.")


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process writes the run's files and prints its messages."""
    resolver = strategy.cluster_resolver
    return (
        resolver is None
        or resolver.task_type in (None, "chief")
        or (resolver.task_type == "worker" and resolver.task_id == 0 and "chief" not in resolver.cluster_spec().as_dict())
    )


def check_input(strategy: tf.distribute.Strategy, sources: Iterable[PairSource]) -> None:
    """Checks that the processes that read the data can read them.

    The hosts of a TPU slice run TensorFlow operations for this process, but none of its Python functions. (Each process of
    'multiworker' has its own Python.)

    Args:
      strategy: the strategy of a run.
      sources: all data of the run.

    Raises:
      IcdpmError: another process reads the data, and reading a source needs Python.
    """
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return
    try:
        devices = strategy.extended.worker_devices
    except RuntimeError:  # the default strategy, which has one device
        return
    if {tf.DeviceSpec.from_string(device).job for device in devices} <= {None, "localhost"}:
        return
    for source in filter(needs_python, sources):
        raise IcdpmError(
            f"The hosts of the TPU cannot read {source.description}, since they run no Python. Write them into records in "
            "a bucket by icdpm-prepare records/NAME --source=SOURCE --crop=256 --count=10000 --data_dir=gs://BUCKET/records, "
            "and train with --data=records/NAME --data_dir=gs://BUCKET/records."
        )


def silence_first_compilation() -> None:
    """Compiles a small function with XLA while stderr is redirected to nowhere.

    XLA announces the first compilation of a process on stderr, at all log levels and only once. The line would break the
    progress bar.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        tf.function(tf.negative, jit_compile=True)(tf.constant(0.0))
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
