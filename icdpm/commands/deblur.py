"""icdpm-deblur: restores blurry photos with a trained model.

Example:
  icdpm-deblur holiday.jpg --workdir=/tmp/tiny --output=restored
"""

import sys
from pathlib import Path

from absl import app, flags

from icdpm.commands.main import run_command

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", None, "Folder of the training run whose model is used.")
flags.DEFINE_string("output", None, "Folder for the restored photos, or a picture's name where there is one photo.")
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
    from icdpm.restoration.batch import plan_outputs, restore_files
    from icdpm.systems.workdir import load

    jobs = plan_outputs([Path(photo) for photo in argv[1:]], Path(FLAGS.output), FLAGS.overwrite)
    system = load(FLAGS.workdir, FLAGS.checkpoint)
    sampling = system.config.sampling
    failures = restore_files(
        system,
        jobs,
        steps=FLAGS.steps or sampling.steps,
        max_noise_variance=FLAGS.max_noise_variance or sampling.max_noise_variance,
        samples=FLAGS.samples,
        seed=FLAGS.seed,
    )
    for message in failures:
        print(f"icdpm-deblur: error: {message}", file=sys.stderr)
    return 1 if failures else 0


def run():
    """The console script."""
    run_command(main)
