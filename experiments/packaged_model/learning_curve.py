"""What a run wrote for TensorBoard, read again: how its validation went and how long it took."""

import tensorflow as tf
from tensorflow.core.util import event_pb2

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
