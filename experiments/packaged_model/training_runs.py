"""Training data and validation curves of the runs of the packaged model.

The training data are in one folder:

FOLDER/photos/                    sharp photos
FOLDER/video/                     sharp frames of videos
FOLDER/frames/SEQUENCE/           high-speed video
FOLDER/averaged/{blur,sharp}/     pairs
FOLDER/val/{blur,sharp}/          validation pairs

photos, video and averaged may contain train/ and test/.
"""

from pathlib import Path

import numpy as np

from icdpm_datasets.load import load_pairs
from icdpm_experiments.pairs import check_training_folder

# Proportions of the training examples, {argument of `load_pairs`, with {} for the folder: weight}.
PHOTOS_ONLY = {"motion:{}/photos": 0.72, "motion:{}/video": 0.12, "frames:{}/frames": 0.03, "{}/averaged": 0.13}
WITH_SCENES = {**PHOTOS_ONLY, "motion:{}/photos": 0.65, "motion:{}/video": 0.11, "{}/averaged": 0.11, "embedded": 0.1}
VALIDATION = "{}/val"
# Seconds. Longer intervals between two events of a run are interruptions.
_LONGEST_INTERVAL = 300.0


def load_training_data(folder, proportions=PHOTOS_ONLY):
    """Loads the training and validation data of a folder.

    Args:
      folder: folder in the layout above.
      proportions: `PHOTOS_ONLY` or `WITH_SCENES`.

    Returns:
      (training, validation), two `PairSource`s.

    Raises:
      IcdpmError: the folder or a part of it is missing.
    """
    check_training_folder(folder)
    folder = Path(folder)
    training = ",".join(f"{part.format(folder)}:{weight}" for part, weight in proportions.items())
    return load_pairs(training, "train"), load_pairs(VALIDATION.format(folder), "test")


def unloaded_step_milliseconds(workdir):
    """Returns the time of a training step from the TensorBoard files of a run, or `None` if they have no two steps.

    It is the 1st percentile over the run, because other work on the machine can slow most of a run.
    """
    rates = []
    for path in sorted((Path(workdir) / "tensorboard").glob("events.out.*")):
        logged = [(event.step, event.wall_time) for event in _read_events(path) if event.summary.value[0].tag == "train/loss"]
        for (step, seconds), (later_step, later) in zip(logged, logged[1:]):
            rates += [1000 * (later - seconds) / (later_step - step)] if later_step > step else []
    return float(np.percentile(rates, 1)) if rates else None


def _read_events(path):
    """Yields the events of a TensorBoard file that have values."""
    import tensorflow as tf
    from tensorflow.core.util import event_pb2

    for record in tf.data.TFRecordDataset(str(path)):
        event = event_pb2.Event.FromString(record.numpy())
        if event.summary.value:
            yield event


def read_curve(workdir):
    """Reads the validation results of a run from its TensorBoard files.

    Args:
      workdir: workdir of the run, a `Path`.

    Returns:
      (rows, hours). Rows are {'step', 'psnr', 'psnr_blurry', 'noise_loss', …}, sorted by step; if a step was repeated after an
      interruption, the later values count. Hours of training do not include interruptions.
    """
    import tensorflow as tf
    from tensorflow.core.util import event_pb2

    rows, times = {}, []
    files = sorted((workdir / "tensorboard").glob("events.out.*"), key=lambda path: path.stat().st_mtime)
    for path in files:
        for record in tf.data.TFRecordDataset(str(path)):
            event = event_pb2.Event.FromString(record.numpy())
            times.append(event.wall_time)
            for value in event.summary.value:
                section, _, name = value.tag.partition("/")
                if section == "validation" and name:
                    rows.setdefault(event.step, {"step": event.step})[name] = float(tf.make_ndarray(value.tensor))
    times.sort()
    intervals = (later - earlier for earlier, later in zip(times, times[1:]))
    hours = sum(interval for interval in intervals if interval < _LONGEST_INTERVAL) / 3600
    return [rows[step] for step in sorted(rows)], hours
