"""The packaged model: trains it and puts it into the package.

    make weights FOLDER=pictures

What FOLDER holds is in `training_pictures`. The model is trained in three runs, each begun with the averages of the one before:
a long one at a constant rate, on the pictures alone, and two that see the embedded training scenes besides, lettering above
all, and end with a rate that falls to zero. From run to run mildly blurred and sharp examples weigh more. The mean of the last
two is packaged. All are kept in runs/; stopped, the same command continues. To go on from what is packaged, icdpm-train takes
--start_from=packaged.

The first two of what is packaged were made before `motion:` knew soft lenses.
"""

from pathlib import Path

from absl import flags

from icdpm.cli import reject_arguments, run_command

FLAGS = flags.FLAGS
flags.DEFINE_string("folder", None, "Folder of the pictures; see above.")

# {workdir: (whether it sees the embedded training scenes, what of the config small_naf it changes)}, each begun with the
# averages of the one before.
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


def main(argv):
    """Trains to the end, then replaces the packaged model."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.configs import load_config
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy
    from icdpm_experiments.packaged_model.packaging import package
    from icdpm_experiments.packaged_model.training_runs import PICTURES, WITH_SCENES, open_training_data

    start_from = None
    for workdir, (scenes, changes) in RUNS.items():
        training, validation = open_training_data(FLAGS.folder, WITH_SCENES if scenes else PICTURES)
        config = load_config("small_naf", changes)
        if signal := train(config, workdir, training, validation, make_strategy("single"), start_from):
            print(f"stopped by signal {signal}; the same command continues")
            return 128 + signal
        start_from = workdir
    loss = package(list(RUNS), pretrained.WORKDIR, validation, FLAGS.folder)
    print(f"packaged in {pretrained.WORKDIR}; half precision changes the validation PSNR by {loss:+.4f} dB")
    return 0


if __name__ == "__main__":
    run_command(main)
