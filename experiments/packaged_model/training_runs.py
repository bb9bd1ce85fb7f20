"""What the packaged model is trained on.

FOLDER/photos/                    sharp photos
FOLDER/video/                     sharp frames of videos
FOLDER/frames/SEQUENCE/           high-speed video
FOLDER/averaged/{blur,sharp}/     pairs
FOLDER/val/{blur,sharp}/          pairs to validate on

photos, video and averaged may have train/ and test/ in them.
"""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.util import event_pb2

from icdpm.errors import IcdpmError
from icdpm_datasets.load import load_pairs

# In which proportions training examples are drawn: of the pictures alone, and with the embedded training scenes.
PICTURES = {"motion:{}/photos": 0.72, "motion:{}/video": 0.12, "frames:{}/frames": 0.03, "{}/averaged": 0.13}
WITH_SCENES = {**PICTURES, "motion:{}/photos": 0.65, "motion:{}/video": 0.11, "{}/averaged": 0.11, "embedded": 0.1}
VALIDATION = "{}/val"


def open_training_data(folder, shares=PICTURES):
    """(training, validation) `PairSource`s of a folder. Raises IcdpmError where it or a part of it is missing.

    Args:
      folder: as above.
      shares: {what `icdpm_datasets.load.load_pairs` takes, {} in it for the folder: in which proportion it is drawn}.
    """
    if not folder or not Path(folder).is_dir():
        raise IcdpmError(f"there is no folder {folder or ''!r} of pictures to train on; name it: FOLDER=pictures")
    folder = Path(folder)
    training = ",".join(f"{part.format(folder)}:{weight}" for part, weight in shares.items())
    return load_pairs(training, "train"), load_pairs(VALIDATION.format(folder), "test")


# Between two events of a run that goes on lie seconds; what is longer is a pause.
_LONGEST_GAP = 300.0


def read_curve(workdir):
    """The validations of a run.

    Args:
      workdir: of the run.

    Returns:
      ([{'step', 'psnr', 'psnr_blurry', 'noise_loss', …}] by step, hours of training without its pauses). Of steps that were
      taken twice, as the run was killed between, the later counts.
    """
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
    gaps = (later - earlier for earlier, later in zip(times, times[1:]))
    return [rows[step] for step in sorted(rows)], sum(gap for gap in gaps if gap < _LONGEST_GAP) / 3600
