"""Trains the packaged model and replaces the one in the package.

    make weights FOLDER=pictures

`training_runs` describes the contents of FOLDER. The training consists of three runs. Each starts from the averaged weights of
the previous one: a long run at a constant learning rate on photos and video, then two runs that also see the embedded training
scenes, mostly lettering, and end with a learning rate that decays to zero. From run to run, mildly blurred and sharp examples
have more weight. The mean of the last two runs is packaged. All runs are kept in runs/; an interrupted command continues when
it is repeated. To continue from the packaged model, use icdpm-train --start_from=packaged.

The first two runs of the packaged model were trained before `motion:` simulated soft lenses.
"""

from pathlib import Path

from absl import flags

from icdpm.cli import reject_arguments, run_command

FLAGS = flags.FLAGS
# {workdir: (whether the embedded training scenes are included, changes of the config small_naf)}, in the order of training.
RUNS = {
    Path("runs/weights_first"): (False, ("run.steps=59_608", "optimizer.learning_rate_decay=()")),
    Path("runs/weights_second"): (
        True,
        (
            "run.steps=32_000",
            "optimizer.learning_rate_decay=(19_000, 32_000)",
            "diffusion.blur_exponent=0.5",
            "seed=1",
        ),
    ),
    Path("runs/weights"): (
        True,
        (
            "run.steps=15_000",
            "optimizer.learning_rate=8e-4",
            "optimizer.learning_rate_decay=(3_000, 15_000)",
            "diffusion.blur_exponent=1.0",
            "seed=2",
        ),
    ),
}


def define_flags():
    """Defines the flags of this command."""
    flags.DEFINE_string("folder", None, "Folder of the training data (see training_runs).")


def main(argv):
    """Trains all runs and replaces the packaged model."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.configs import load_config
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy
    from icdpm_experiments.packaged_model.packaging import package
    from icdpm_experiments.packaged_model.training_runs import PHOTOS_ONLY, WITH_SCENES, load_training_data

    start_from = None
    for workdir, (scenes, changes) in RUNS.items():
        training, validation = load_training_data(FLAGS.folder, WITH_SCENES if scenes else PHOTOS_ONLY)
        config = load_config("small_naf", changes)
        if signal := train(config, workdir, training, validation, make_strategy("single"), start_from):
            print(f"Stopped by signal {signal}. Repeat the command to continue.")
            return 128 + signal
        start_from = workdir
    change = package(list(RUNS), pretrained.WORKDIR, validation, FLAGS.folder)
    print(f"packaged in {pretrained.WORKDIR}; half precision changes the validation PSNR by {change:+.4f} dB")
    return 0


if __name__ == "__main__":
    define_flags()
    run_command(main)
