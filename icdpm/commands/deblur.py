"""icdpm-deblur: restores blurry photos with the packaged model or with a model that you trained.

Arguments are files, folders (searched with their subfolders), quoted patterns such as 'trip/**/*.jpg', and - for standard
input. Formats are JPEG, PNG, WebP, TIFF and BMP; AVIF and HEIC photos are read, and written as PNG. EXIF data, color profile,
transparency and 16 bits per channel are kept if the output's format supports them. A symbolic link to a photo is restored under
the link's name; a link to a folder is followed only if it is an argument.

Extra outputs are written into the folder of the restored photo. For photo.jpg these are photo.compare.png, photo.spread.png
with photo.spread.npy, and photo.sample-1.jpg, photo.sample-2.jpg, …

Example:
  icdpm-deblur holiday.jpg
  icdpm-deblur photos 'scans/*.tif' --output=restored --preset=balanced --compare
  icdpm-deblur holiday.jpg --workdir=/tmp/tiny --output=restored/eight.jpg --samples=8 --spread --keep_samples
  icdpm-deblur - --output=- < holiday.jpg > restored.jpg
  icdpm-deblur photos --server=http://gpu-host:8501 --preset=balanced
  icdpm-deblur photos --shard=0/4 --skip_existing

With --server a TensorFlow Serving with a model exported with icdpm-export restores the photos, and this machine needs no
TensorFlow. Four machines with --shard=0/4 to --shard=3/4 divide a folder among them. --skip_existing continues an interrupted
run.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence

from absl import app, flags

from icdpm.batch.selection import Shard, parse_shard
from icdpm.cli import import_tensorflow, paused_garbage_collection, run_command
from icdpm.commands import settings_flags
from icdpm.errors import IcdpmError, escape_controls

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "workdir", None, "Folder of a training run with the model to use, or a .keras file. Default: the packaged model."
)
flags.DEFINE_string(
    "server",
    None,
    "URL of a TensorFlow Serving with an exported model, instead of a model on this machine: http://HOST:PORT for a model "
    "named icdpm, or http://HOST:PORT/v1/models/NAME. The server decides the settings; --preset selects among its own.",
)
flags.DEFINE_float("timeout", 600.0, "Maximum time in seconds that --server may take for a photo.", 0.1)
flags.DEFINE_string(
    "output",
    "restored",
    "Folder for the restored photos, which is created if it does not exist (end it with / if its name contains a dot). "
    "For one photo it may be a file name, or - for standard output.",
)
flags.DEFINE_enum(
    "format",
    None,
    ["png", "jpeg", "webp", "tiff", "bmp"],
    "Format of the restored photos. Default: the format of the output's file name extension, or of the photo.",
)
flags.DEFINE_string("checkpoint", "latest", "Checkpoint of the training run: latest, best or a step.")
flags.adopt_module_key_flags(settings_flags)
flags.DEFINE_bool("compare", False, "Also write an image of the photo before | after.")
flags.DEFINE_bool(
    "spread",
    False,
    "Also write the standard deviation of two or more samples, which shows where the model is uncertain: as a gray image "
    "(bright where the samples differ) and as a NumPy array in gray levels (0–255).",
)
flags.DEFINE_bool("keep_samples", False, "Also write each of the samples.")
flags.DEFINE_bool(
    "match_color",
    False,
    "Correct color drift: match each region's mean linear-light color to the input. Fine detail is unchanged.",
)
flags.DEFINE_integer(
    "max_memory",
    3072,
    "Target for the host memory of the process in MiB, from estimates: the peak may exceed it slightly. Larger photos are "
    "processed in overlapping tiles, merged after every denoising step.",
    1,
)
flags.DEFINE_integer(
    "tile",
    None,
    "Maximum tile size in pixels, including overlap; a multiple of the model's size multiple. Default: the largest within "
    "--max_memory.",
    1,
)
flags.DEFINE_bool("overwrite", False, "Replace existing files.")
flags.DEFINE_bool("skip_existing", False, "Skip photos whose outputs exist, to continue an interrupted run.")
flags.DEFINE_string(
    "shard",
    None,
    "INDEX/COUNT (from 0): restore only this shard. Photos are assigned by a hash of their relative path, so shards are only "
    "roughly equal in size.",
)
flags.DEFINE_bool(
    "accept_truncated",
    False,
    "Restore the rows that exist of JPEG photos that were cut off. Default: such photos are an error.",
)
flags.DEFINE_bool("verbose", False, "Report the color drift of every photo.")
# Settings that an exported model fixes, and outputs that the server does not return.
_NOT_FOR_SERVERS = ("checkpoint", *settings_flags.SETTINGS, "seed", "spread", "keep_samples", "tile", "max_memory")


def main(argv: Sequence[str]) -> int:
    """Restores the photos and prints a summary. Returns the exit status."""
    shard = _check_flags(argv[1:])
    from icdpm.batch.jobs import plan_jobs
    from icdpm.batch.restoring import restore_images
    from icdpm.batch.selection import select_images

    selection = select_images(argv[1:], exclude=FLAGS.output)
    samples, restore_options = _use_server() if FLAGS.server else _use_model()
    jobs, failures = plan_jobs(
        selection.images,
        FLAGS.output,
        FLAGS.format,
        FLAGS.overwrite,
        FLAGS.skip_existing,
        shard,
        compare=FLAGS.compare,
        spread=FLAGS.spread,
        kept_samples=samples if FLAGS.keep_samples else 0,
    )
    count = sum(shard.contains(image.relative_path) for image in selection.images) if shard else len(selection.images)
    if selection.images and not count:
        print(f"icdpm-deblur: shard {FLAGS.shard} has no photos; all shards have {len(selection.images)}", file=sys.stderr)
    skipped = count - len(jobs) - len(failures)
    notices = selection.notices
    if jobs:
        more_notices, more_failures = restore_images(
            jobs,
            match_color=FLAGS.match_color,
            verbose=FLAGS.verbose,
            accept_truncated=FLAGS.accept_truncated,
            **restore_options,
        )
        notices, failures = notices + more_notices, failures + more_failures
    _print_summary(count, skipped, notices, failures, selection.ignored)
    return 1 if failures else 0


def _check_flags(arguments: Sequence[str]) -> Shard | None:
    """Raises UsageError for flags that are mutually exclusive. Returns the shard to restore."""
    if not arguments:
        raise app.UsageError("no photo was given")
    if FLAGS.workdir and FLAGS.server:
        raise app.UsageError("--workdir and --server are mutually exclusive")
    if FLAGS["timeout"].present and not FLAGS.server:
        raise app.UsageError("--timeout requires --server")
    for name in _NOT_FOR_SERVERS if FLAGS.server else ():
        if FLAGS[name].present:
            raise app.UsageError(f"--{name} cannot be combined with --server")
    try:
        shard = None if FLAGS.shard is None else parse_shard(FLAGS.shard)
    except IcdpmError as error:
        raise app.UsageError(str(error)) from error
    if FLAGS.overwrite and FLAGS.skip_existing:
        raise app.UsageError("--overwrite and --skip_existing are mutually exclusive")
    if FLAGS.output == "-" and (FLAGS.compare or FLAGS.spread or FLAGS.keep_samples):
        raise app.UsageError("--compare, --spread and --keep_samples need a file or folder as --output, not -")
    if FLAGS.shard and "-" in (FLAGS.output, *arguments):
        raise app.UsageError("--shard divides files, not standard input or output")
    return shard


def _use_model() -> tuple[int, dict]:
    """Loads the model. Returns (samples per photo, arguments of `restore_images`)."""
    with paused_garbage_collection():
        import_tensorflow()
        from icdpm import pretrained
        from icdpm.restoration.restore import load_on_gpus

        model, restore_functions = load_on_gpus(FLAGS.workdir or pretrained.WORKDIR, FLAGS.checkpoint)
    settings = settings_flags.settings_from_flags(model)
    if FLAGS.spread and settings.samples < 2:
        raise app.UsageError("--spread needs --samples=2 or more: one sample has no standard deviation")
    if FLAGS.preset:
        print(f"icdpm-deblur: --preset={FLAGS.preset}: {model.sampling_presets[FLAGS.preset].as_flags}", file=sys.stderr)
    options = {"settings": settings, "seed": FLAGS.seed, "tile": FLAGS.tile, "max_memory": FLAGS.max_memory * 2**20}
    restore = [functools.partial(each, **options) for each in restore_functions]
    return settings.samples, {"restore": restore, "evaluations": settings.evaluations}


def _use_server() -> tuple[int, dict]:
    """Connects to the server. Returns as `_use_model`."""
    from icdpm.restoration.result import Restored
    from icdpm.serving.client import ServingClient

    client = ServingClient(FLAGS.server, FLAGS.preset, FLAGS.timeout)

    def restore(pixels, **_):
        return Restored(client.restore(pixels, "the image"))

    # A request to a server can be interrupted at any time.
    return 1, {"restore": restore, "defer_interrupts": False}


def _print_summary(count, skipped, notices, failures, ignored):
    """Prints messages and counts to stderr, as the photo may go to standard output."""
    for message in notices:
        print(f"icdpm-deblur: note: {escape_controls(message)}", file=sys.stderr)
    for message in failures:
        print(f"icdpm-deblur: error: {escape_controls(message)}", file=sys.stderr)
    restored = count - skipped - len(failures)
    if restored and not FLAGS["output"].present:
        print(f"icdpm-deblur: written to {FLAGS.output}/", file=sys.stderr)
    summary = [f"{restored} restored", f"{len(failures)} failed"]
    if skipped:
        summary.append(f"{skipped} skipped (already restored)")
    if ignored:
        summary.append(f"{ignored} ignored (not named as an image)")
    print(f"icdpm-deblur: {', '.join(summary)}", file=sys.stderr)


def run() -> None:
    """Runs the command; the entry point of the console script."""
    run_command(main)
