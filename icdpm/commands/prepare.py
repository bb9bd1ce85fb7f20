"""icdpm-prepare: verifies and records a published data set, makes pairs from your own pictures, or fetches weights.

Examples:
  icdpm-prepare gopro --source=GOPRO_Large.zip --data_dir=~/data
  icdpm-prepare frames --source=my_video_frames --output=my_pairs --window=8 --stride=8
  icdpm-prepare shake --source=my_photos --output=my_pairs
  icdpm-prepare weights
  icdpm-prepare weights/hidiff_gopro --source=HI_Diff_GoPro --output=my_hidiff

Published data sets, with where their archives come from; --source is an archive, a folder that holds the archives, or
the folder they unpack to. A variant follows after a slash, as in gopro/blur_gamma.

{published}

frames averages consecutive frames of video, as GoPro and REDS were made; shake blurs sharp photos. Both write
blur/NAME.png and sharp/NAME.png below --output. Interrupted, every job continues when it is started again.

weights downloads what some metrics need, 893 MB, into ~/.cache/icdpm (ICDPM_CACHE names another folder) and verifies
it; weights/niqe, weights/lpips_alex, weights/lpips_vgg, weights/fid and weights/kid what one of them needs. With
--source it takes the files that one has, known by their contents, from a file or a folder.

weights/hidiff_gopro and weights/hidiff_realblur turn the .pth files that HI-Diff's authors publish into a workdir.
"""

from absl import app, flags

from icdpm.cli import import_tensorflow, run_command
from icdpm_datasets.published.sets import NAMES, overview

__doc__ = __doc__.format(published=overview())  # --help prints it

FLAGS = flags.FLAGS
flags.DEFINE_string("source", None, "What to read: an archive, a folder or a file. Only weights goes without.")
flags.DEFINE_string(
    "data_dir",
    None,
    "Published data sets: the folder for TFDS's records, here or in a bucket (gs://…); ~/tensorflow_datasets where not given.",
)
flags.DEFINE_bool(
    "partial", False, "Published data sets: accept a subset, and record that it is one and not the benchmark."
)
flags.DEFINE_string("output", None, "frames, shake: the folder for the pairs; weights/hidiff_…: the workdir that is made.")
flags.DEFINE_integer("window", 8, "frames: how many are averaged to a pair.", lower_bound=2)
flags.DEFINE_integer("stride", 8, "frames: how far apart the pairs start, in frames.", lower_bound=1)
flags.DEFINE_enum(
    "response", "linear", ["linear", "gamma2.2", "srgb"], "frames: the camera's response, undone while averaging."
)
flags.DEFINE_integer("interpolate", 0, "frames: how many to put between every two, by optical flow; slow.", 0)
flags.DEFINE_float("min_extent", 3.0, "shake: the shortest shake in pixels.", 0.0, 21.0)
flags.DEFINE_float("max_extent", 21.0, "shake: the longest shake in pixels.", 0.0, 21.0)
flags.DEFINE_string("kernels", None, "shake: a folder of kernels as gray pictures, instead of random shake.")
flags.DEFINE_integer("jpeg", None, "shake: compress the blurry pictures by JPEG of this quality.", 1, 95)
flags.DEFINE_integer("seed", 0, "shake: of the random numbers.", lower_bound=0)
flags.register_multi_flags_validator(
    ["min_extent", "max_extent"],
    lambda extents: extents["min_extent"] <= extents["max_extent"],
    "--min_extent is larger than --max_extent",
)

# What a job looks at besides --source.
_OF_PUBLISHED = {"data_dir", "partial"}
_OF_OTHERS = {
    "weights": set(),
    "weights/hidiff_gopro": {"output"},
    "weights/hidiff_realblur": {"output"},
    "frames": {"output", "window", "stride", "response", "interpolate"},
    "shake": {"output", "min_extent", "max_extent", "kernels", "jpeg", "seed"},
}


def main(argv):
    """Parses, does one job, says what is there now."""
    if len(argv) != 2:
        raise app.UsageError(f"name one job: {', '.join(NAMES)}, frames, shake or weights")
    job = argv[1]
    _check_flags(job)
    if job == "frames":
        from icdpm_datasets.prepare.frames import prepare_frames

        averaging = FLAGS.window, FLAGS.stride, FLAGS.response, FLAGS.interpolate
        print(prepare_frames(FLAGS.source, FLAGS.output, *averaging))
    elif job == "shake":
        from icdpm_datasets.prepare.shake import prepare_shake

        extent = FLAGS.min_extent, FLAGS.max_extent
        print(prepare_shake(FLAGS.source, FLAGS.output, extent, FLAGS.kernels, FLAGS.jpeg, FLAGS.seed))
    elif job in ("weights/hidiff_gopro", "weights/hidiff_realblur"):
        import_tensorflow()
        from icdpm.configs import load_config
        from icdpm.models.hidiff_published import prepare_published as prepare_hidiff

        print(prepare_hidiff(load_config(job.partition("/")[2]), FLAGS.source, FLAGS.output))
    elif job.partition("/")[0] == "weights":
        from icdpm.metrics.weights import prepare_weights

        print(prepare_weights(job.partition("/")[2] or None, FLAGS.source))
    else:
        import_tensorflow()
        from icdpm_datasets.prepare.published import prepare_published

        print(prepare_published(job, FLAGS.source, FLAGS.data_dir, FLAGS.partial))


def _check_flags(job):
    """A flag that the job would not look at is a mistake to be told, not passed over."""
    kind = job.partition("/")[0]
    own = _OF_OTHERS.get(job, _OF_OTHERS.get(kind, _OF_PUBLISHED))
    for name in sorted(_OF_PUBLISHED.union(*_OF_OTHERS.values()) - own):
        if FLAGS[name].present:
            raise app.UsageError(f"--{name} is not for {job}")
    if (kind != "weights" or "output" in own) and not FLAGS.source:
        raise app.UsageError("--source is missing")
    if "output" in own and not FLAGS.output:
        raise app.UsageError("--output is missing")


def run():
    """The console script."""
    run_command(main)
