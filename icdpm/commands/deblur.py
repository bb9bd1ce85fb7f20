"""icdpm-deblur: restores blurry photos with a trained model.

Photos are files, folders (with the folders in them), quoted patterns such as 'trip/**/*.jpg', or - for standard input.
They may be JPEG, PNG, WebP, TIFF and BMP. EXIF data, colour profile, alpha and 16 bits are kept where the output's
format holds them.

Example:
  icdpm-deblur holiday.jpg --workdir=/tmp/tiny --output=restored
  icdpm-deblur album 'scans/*.tif' --workdir=/tmp/tiny --output=restored
  icdpm-deblur - --workdir=/tmp/tiny --output=- < holiday.jpg > restored.jpg
"""

import sys

from absl import app, flags

from icdpm.commands.main import run_command

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", None, "Folder of the training run whose model is used.")
flags.DEFINE_string(
    "output",
    None,
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
flags.DEFINE_integer("steps", None, "Evaluations of the network per sample. Default: what the model's config says.", 1)
flags.DEFINE_float(
    "max_noise_variance", None, "Largest noise variance of a step. Default: what the model's config says.", 1e-6, 0.999
)
flags.DEFINE_integer("samples", 1, "Samples to average: one has the finest texture, the mean of eight the least error.", 1)
flags.DEFINE_integer("seed", 0, "Seed of the samples.")
flags.DEFINE_bool("overwrite", False, "Whether restored photos that are already there are made again.")
flags.mark_flags_as_required(["workdir", "output"])


def main(argv):
    """Parses, restores, says what was done."""
    if len(argv) < 2:
        raise app.UsageError("no photo was given")
    from icdpm.restoration.batch import plan_jobs, restore_jobs
    from icdpm.restoration.selection import select_photos
    from icdpm.restoration.settings import settings_of
    from icdpm.systems.workdir import load

    photos, ignored = select_photos(argv[1:], leave_out=FLAGS.output)
    jobs, failures = plan_jobs(photos, FLAGS.output, FLAGS.format, FLAGS.overwrite)
    notices = []
    if jobs:
        system = load(FLAGS.workdir, FLAGS.checkpoint)
        settings = settings_of(
            system.config, steps=FLAGS.steps, max_noise_variance=FLAGS.max_noise_variance, samples=FLAGS.samples
        )
        notices, more_failures = restore_jobs(system, jobs, settings, FLAGS.seed)
        failures += more_failures
    # Standard output may be taken by the photo.
    for message in notices:
        print(f"icdpm-deblur: note: {message}", file=sys.stderr)
    for message in failures:
        print(f"icdpm-deblur: error: {message}", file=sys.stderr)
    summary = [f"{len(photos) - len(failures)} restored", f"{len(failures)} failed"]
    if ignored:
        summary.append(f"{ignored} ignored that {'is' if ignored == 1 else 'are'} not named as pictures are")
    print(f"icdpm-deblur: {', '.join(summary)}", file=sys.stderr)
    return 1 if failures else 0


def run():
    """The console script."""
    run_command(main)
