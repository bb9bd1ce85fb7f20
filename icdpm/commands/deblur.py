"""icdpm-deblur: restores blurry photos, with the model that comes with the package or with one of your own.

Photos are files, folders (with the folders in them), quoted patterns such as 'trip/**/*.jpg', or - for standard input.
They may be JPEG, PNG, WebP, TIFF and BMP. EXIF data, colour profile, alpha and 16 bits are kept where the output's
format holds them. Links to photos are photos of their own names; links to folders are followed only where they are named.

What is wanted besides is written beside the restored photo: for photo.jpg this is photo.compare.png, photo.spread.png with
photo.spread.npy, and photo.sample-1.jpg and so on.

Example:
  icdpm-deblur holiday.jpg
  icdpm-deblur album 'scans/*.tif' --output=restored --preset=balanced --compare
  icdpm-deblur holiday.jpg --workdir=/tmp/tiny --output=restored/eight.jpg --samples=8 --spread --keep_samples
  icdpm-deblur - --output=- < holiday.jpg > restored.jpg
  icdpm-deblur album --server=http://gpu-host:8501 --preset=balanced
  icdpm-deblur album --shard=0/4 --skip_existing

With --server the pixels go to TensorFlow Serving, which runs what icdpm-export wrote, and this machine needs no TensorFlow.
Four machines that are given --shard=0/4 to --shard=3/4 share one folder's work; --skip_existing continues what was
interrupted.
"""

import functools
import sys

from absl import app, flags

from icdpm.batch.selection import parse_shard
from icdpm.cli import run_command
from icdpm.commands import settings_flags
from icdpm.errors import IcdpmError

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "workdir", None, "Folder of the training run whose model is used. Default: the model that comes with the package."
)
flags.DEFINE_string(
    "server",
    None,
    "In place of a model here: URL of a TensorFlow Serving that runs an exported model, http://HOST:PORT for a model of the "
    "name icdpm, or http://HOST:PORT/v1/models/NAME. Settings are the server's; --preset chooses among them.",
)
flags.DEFINE_float("timeout", 600.0, "Seconds that --server may take for a photo.", 0.1)
flags.DEFINE_string(
    "output",
    "restored",
    "Folder for the restored photos, made where it is missing (end it in / if its name has a dot). "
    "For one photo also the name of the restored one, or - for standard output.",
)
flags.DEFINE_enum(
    "format",
    None,
    ["png", "jpeg", "webp", "tiff", "bmp"],
    "Format of the restored photos. Default: what the output's name says, else the photo's own.",
)
flags.DEFINE_string("checkpoint", "latest", "Which of the run's checkpoints: latest, best or a step.")
flags.adopt_module_key_flags(settings_flags)
flags.DEFINE_bool("compare", False, "Also writes a picture of the photo before | after.")
flags.DEFINE_bool(
    "spread",
    False,
    "Also writes where the model is guessing: the standard deviation of two or more samples, as a picture (bright: they "
    "differ) and as a NumPy array in 8-bit steps.",
)
flags.DEFINE_bool("keep_samples", False, "Also writes each of the samples.")
flags.DEFINE_bool(
    "match_color",
    False,
    "Gives every large region the light that it has in the input: against models that shift colours; detail stays as it is.",
)
flags.DEFINE_integer(
    "max_memory",
    3072,
    "Most memory to take at the peak, in MiB: photos that need more are restored in tiles, which see each other at every step.",
    1,
)
flags.DEFINE_integer("tile", None, "Longest side of the tiles, in pixels. Default: what --max_memory allows.", 1)
flags.DEFINE_bool("overwrite", False, "Whether files that are already there are made again.")
flags.DEFINE_bool("skip_existing", False, "Leaves photos alone that are restored already: to continue an interrupted run.")
flags.DEFINE_string(
    "shard",
    None,
    "NUMBER/COUNT, counted from 0: restores this part of the photos only. Which part a photo is in follows from its name.",
)
flags.DEFINE_bool("verbose", False, "Tells of every photo how its colours differ from the input's.")
# What an exported model has decided, or its answer does not hold.
_NOT_FOR_SERVERS = ("checkpoint", *settings_flags.SETTINGS, "seed", "spread", "keep_samples", "tile", "max_memory")


def main(argv):
    """Parses, restores, says what was done."""
    if len(argv) < 2:
        raise app.UsageError("no photo was given")
    _check_model()
    shard = _shard()
    if FLAGS.overwrite and FLAGS.skip_existing:
        raise app.UsageError("--overwrite and --skip_existing exclude each other")
    if FLAGS.output == "-" and (FLAGS.compare or FLAGS.spread or FLAGS.keep_samples):
        raise app.UsageError("--compare, --spread and --keep_samples need a file or folder as --output, not -")
    if FLAGS.shard and "-" in argv[1:]:
        raise app.UsageError("--shard divides files, not standard input")
    from icdpm.batch.jobs import plan_jobs
    from icdpm.batch.selection import select_images

    selection = select_images(argv[1:], leave_out=FLAGS.output)
    photos, notices = selection.photos, selection.left_out
    samples, restore_jobs = _by_server() if FLAGS.server else _by_model()
    beside = {"compare": FLAGS.compare, "spread": FLAGS.spread, "kept_samples": samples if FLAGS.keep_samples else 0}
    jobs, failures = plan_jobs(photos, FLAGS.output, FLAGS.format, FLAGS.overwrite, FLAGS.skip_existing, shard=shard, **beside)
    count = sum(shard.holds(photo.place) for photo in photos) if shard else len(photos)
    skipped = count - len(jobs) - len(failures)
    if jobs:
        more_notices, more_failures = restore_jobs(jobs)
        notices = notices + more_notices
        failures += more_failures
    # Standard output may be taken by the photo.
    for message in notices:
        print(f"icdpm-deblur: note: {message}", file=sys.stderr)
    for message in failures:
        print(f"icdpm-deblur: error: {message}", file=sys.stderr)
    restored = count - skipped - len(failures)
    if restored and not FLAGS["output"].present:
        print(f"icdpm-deblur: written to {FLAGS.output}/", file=sys.stderr)
    summary = [f"{restored} restored", f"{len(failures)} failed"]
    if skipped:
        summary.append(f"{skipped} skipped, there already")
    if ignored := selection.ignored:
        summary.append(f"{ignored} ignored that {'is' if ignored == 1 else 'are'} not named as pictures are")
    print(f"icdpm-deblur: {', '.join(summary)}", file=sys.stderr)
    return 1 if failures else 0


def _check_model():
    if FLAGS.workdir and FLAGS.server:
        raise app.UsageError("name the model by either --workdir or --server")
    if FLAGS["timeout"].present and not FLAGS.server:
        raise app.UsageError("--timeout is for --server")
    for name in _NOT_FOR_SERVERS if FLAGS.server else ():
        if FLAGS[name].present:
            raise app.UsageError(f"--{name} is not for --server")


def _shard():
    if FLAGS.shard is None:
        return None
    try:
        return parse_shard(FLAGS.shard)
    except IcdpmError as error:
        raise app.UsageError(str(error)) from error


def _by_model():
    """(how many samples are drawn of a photo, what restores jobs as `restore_album` does) with a model of this machine."""
    from icdpm import pretrained
    from icdpm.batch.restoring import restore_album
    from icdpm.restoration.restore import load_on_gpus

    model, each = load_on_gpus(FLAGS.workdir or pretrained.WORKDIR, FLAGS.checkpoint)
    settings = settings_flags.chosen_settings(model)
    if FLAGS.spread and settings.samples < 2:
        raise app.UsageError("--spread needs --samples=2 or more: one sample has no spread")
    if FLAGS.preset:
        stands_for = model.sampling_presets[FLAGS.preset].as_flags
        print(f"icdpm-deblur: --preset={FLAGS.preset} stands for {stands_for}", file=sys.stderr)
    options = {"seed": FLAGS.seed, "tile": FLAGS.tile, "max_memory": FLAGS.max_memory * 2**20}
    return settings.samples, functools.partial(
        restore_album,
        restore=[functools.partial(restore, settings=settings, **options) for restore in each],
        evaluations=settings.evaluations,
        match_color=FLAGS.match_color,
        verbose=FLAGS.verbose,
    )


def _by_server():
    """As `_by_model`, with a server, which gives one picture for each."""
    from icdpm.serving.client import ServingClient, restore_jobs_remotely

    client = ServingClient(FLAGS.server, FLAGS.preset, FLAGS.timeout)
    return 1, functools.partial(restore_jobs_remotely, client, match_color=FLAGS.match_color, verbose=FLAGS.verbose)


def run():
    """The console script."""
    run_command(main)
