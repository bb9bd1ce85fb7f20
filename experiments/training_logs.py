"""Reads the TensorBoard files of training runs: the time of a step, and the validation curve."""

from pathlib import Path

import numpy as np

# Seconds. Longer intervals between two events of a run are interruptions.
_LONGEST_INTERVAL = 300.0


def unloaded_step_milliseconds(workdir):
    """Returns the time of a training step from the TensorBoard files of a run, or `None` if they have no two steps.

    It is the 1st percentile over the run, because other work on the machine can slow most of a run.
    """
    rates = []
    for path in sorted((Path(workdir) / "tensorboard").glob("events.out.*")):
        events = [event for event in _read_events(path) if event.summary.value]
        logged = [(event.step, event.wall_time) for event in events if event.summary.value[0].tag == "train/loss"]
        for (step, seconds), (later_step, later) in zip(logged, logged[1:]):
            rates += [1000 * (later - seconds) / (later_step - step)] if later_step > step else []
    return float(np.percentile(rates, 1)) if rates else None


def read_curve(workdir):
    """Reads the validation results of a run from its TensorBoard files.

    Args:
      workdir: workdir of the run, a `Path`.

    Returns:
      (rows, hours). Rows are {'step', 'psnr', 'psnr_blurry', 'noise_loss', …}, sorted by step; if a step was repeated after an
      interruption, the later values count. Hours of training do not include interruptions.
    """
    import tensorflow as tf

    rows, times = {}, []
    files = sorted((workdir / "tensorboard").glob("events.out.*"), key=lambda path: path.stat().st_mtime)
    for event in (event for path in files for event in _read_events(path)):
        times.append(event.wall_time)
        for value in event.summary.value:
            section, _, name = value.tag.partition("/")
            if section == "validation" and name:
                rows.setdefault(event.step, {"step": event.step})[name] = float(tf.make_ndarray(value.tensor))
    times.sort()
    intervals = (later - earlier for earlier, later in zip(times, times[1:]))
    hours = sum(interval for interval in intervals if interval < _LONGEST_INTERVAL) / 3600
    return [rows[step] for step in sorted(rows)], hours


def _read_events(path):
    """Yields the events of a TensorBoard file. An incomplete last event, left by a killed run, is dropped."""
    import tensorflow as tf
    from tensorflow.core.util import event_pb2

    try:
        for record in tf.data.TFRecordDataset(str(path)):
            yield event_pb2.Event.FromString(record.numpy())
    except tf.errors.DataLossError:
        return
