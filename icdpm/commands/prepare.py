"""icdpm-prepare: writes data sets as TFRecord files, makes pairs from your own images, or downloads weights.

Examples:
  icdpm-prepare gopro --source=GOPRO_Large.zip --data_dir=~/data
  icdpm-prepare frames --source=my_video_frames --output=my_pairs --window=8 --stride=8
  icdpm-prepare shake --source=my_photos --output=my_pairs
  icdpm-prepare records/street --source=motion:my_photos --crop=256 --count=10000 --data_dir=~/data
  icdpm-prepare weights
  icdpm-prepare weights/hidiff_gopro --source=HI_Diff_GoPro --output=my_hidiff

Published data sets are verified and converted to TFRecord files (TFDS). --source is an archive from the official page, a folder
of archives, or the folder of unpacked archives. A variant follows after a slash, for example gopro/blur_gamma.

{published}

frames averages consecutive frames of video, as GoPro and REDS were made; shake blurs sharp photos. Both write blur/NAME.png and
sharp/NAME.png to --output. After an interruption, the same command continues.

records, or records/NAME, writes any source that icdpm-train accepts as --data to TFRecord files: --count random crops of --crop
pixels, or without these flags the whole pairs. icdpm-train --data=records/NAME reads them.

weights downloads and verifies the weights that some metrics need (893 MB) to ~/.cache/icdpm, or to the folder in the
environment variable ICDPM_CACHE. weights/niqe, weights/lpips_alex, weights/lpips_vgg, weights/fid and weights/kid download
those of one metric. With --source, files are taken from a file or folder, and recognized by their contents.

weights/hidiff_gopro and weights/hidiff_realblur convert the .pth files of HI-Diff's authors to a workdir.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from absl import app, flags

from icdpm.cli import import_tensorflow, run_command
from icdpm_datasets.published.sets import NAMES, overview

__doc__ = __doc__.format(published=overview())  # --help prints it

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "source", None, "Archive, folder or file to read; records: a source as in --data of icdpm-train. Optional for weights only."
)
flags.DEFINE_string(
    "data_dir",
    None,
    "Published data sets, records: folder for the records, on this computer or in a bucket (gs://…). "
    "Default: ~/tensorflow_datasets.",
)
flags.DEFINE_bool(
    "partial", False, "Published data sets: accept a subset. The records then state that they are not the benchmark."
)
flags.DEFINE_string("output", None, "frames, shake: folder for the pairs; weights/hidiff_…: workdir to create.")
flags.DEFINE_integer("window", 8, "frames: number of consecutive frames averaged into one blurry image.", lower_bound=2)
flags.DEFINE_integer("stride", 8, "frames: number of frames between the starts of consecutive pairs.", lower_bound=1)
flags.DEFINE_enum(
    "response",
    "linear",
    ["linear", "gamma2.2", "srgb"],
    "frames: assumed camera response function, used to linearize frames before averaging.",
)
flags.DEFINE_integer(
    "interpolate", 0, "frames: number of frames to interpolate between consecutive frames, by optical flow (slow).", 0
)
flags.DEFINE_float("min_extent", 3.0, "shake: shortest shake in pixels.", 0.0, 21.0)
flags.DEFINE_float("max_extent", 21.0, "shake: longest shake in pixels.", 0.0, 21.0)
flags.DEFINE_string("kernels", None, "shake: folder of kernels as gray images, instead of random shake.")
flags.DEFINE_integer("jpeg", None, "shake: JPEG quality of the blurry images. Default: no compression.", 1, 95)
flags.DEFINE_integer("crop", None, "records: side of the random crops in pixels. Default: whole pairs.", lower_bound=1)
flags.DEFINE_integer("count", None, "records: number of random crops.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "shake, records: seed of the random numbers.", lower_bound=0)
flags.register_multi_flags_validator(
    ["min_extent", "max_extent"],
    lambda extents: extents["min_extent"] <= extents["max_extent"],
    "--min_extent is larger than --max_extent",
)
flags.register_multi_flags_validator(
    ["crop", "count"],
    lambda crops: (crops["crop"] is None) == (crops["count"] is None),
    "--crop and --count belong together: --count random crops of --crop pixels",
)

# Flags of each job in addition to --source.
_PUBLISHED_FLAGS = {"data_dir", "partial"}
_OTHER_FLAGS: dict[str, set[str]] = {
    "weights": set(),
    "weights/hidiff_gopro": {"output"},
    "weights/hidiff_realblur": {"output"},
    "records": {"data_dir", "crop", "count", "seed"},
    "frames": {"output", "window", "stride", "response", "interpolate"},
    "shake": {"output", "min_extent", "max_extent", "kernels", "jpeg", "seed"},
}


def main(argv: Sequence[str]) -> None:
    """Runs one job and prints a summary."""
    if len(argv) != 2:
        raise app.UsageError(f"expected one argument: a data set name ({', '.join(NAMES)}), frames, shake, records or weights")
    job = argv[1]
    _check_flags(job)
    if job == "frames":
        from icdpm_datasets.prepare.own_pairs import prepare_frames

        averaging = FLAGS.window, FLAGS.stride, FLAGS.response, FLAGS.interpolate
        print(prepare_frames(FLAGS.source, FLAGS.output, *averaging))
    elif job == "shake":
        from icdpm_datasets.prepare.own_pairs import prepare_shake

        extent = FLAGS.min_extent, FLAGS.max_extent
        print(prepare_shake(FLAGS.source, FLAGS.output, extent, FLAGS.kernels, FLAGS.jpeg, FLAGS.seed))
    elif job.partition("/")[0] == "records":
        import_tensorflow()
        from icdpm_datasets.prepare.records import prepare_records

        print(prepare_records(job, FLAGS.source, FLAGS.data_dir, FLAGS.crop, FLAGS.count, FLAGS.seed))
    elif job in ("weights/hidiff_gopro", "weights/hidiff_realblur"):
        import_tensorflow()
        from icdpm.configs import load_config
        from icdpm.models.hidiff_published import prepare_published as prepare_hidiff

        print(prepare_hidiff(load_config(job.partition("/")[2]), FLAGS.source, FLAGS.output))
    elif job.partition("/")[0] == "weights":
        from icdpm.metrics.weights import prepare_weights

        print(prepare_weights(job.partition("/")[2] or None, FLAGS.source))
    else:
        from icdpm_datasets.prepare.published import prepare_published

        print(prepare_published(job, FLAGS.source, FLAGS.data_dir, FLAGS.partial))


def _check_flags(job: str) -> None:
    """Raises UsageError if a flag is missing, or does not belong to the job."""
    kind, slash, variant = job.partition("/")
    if kind == "records" and slash and not re.fullmatch(r"[\w-][\w.-]*", variant):
        raise app.UsageError(
            f"records/NAME needs a name of letters, digits, '.', '_' and '-' that does not start with '.'. Received: {job}"
        )
    own = _OTHER_FLAGS.get(job, _OTHER_FLAGS.get(kind, _PUBLISHED_FLAGS))
    for name in sorted(_PUBLISHED_FLAGS.union(*_OTHER_FLAGS.values()) - own):
        if FLAGS[name].present:
            raise app.UsageError(f"--{name} is not a flag of {job}")
    if (kind != "weights" or "output" in own) and not FLAGS.source:
        raise app.UsageError("--source is missing")
    if "output" in own and not FLAGS.output:
        raise app.UsageError("--output is missing")


def run() -> None:
    """Runs the console script."""
    run_command(main)
