"""Trains the packaged model and replaces the one in the package.

    make weights FOLDER=images

Contents of FOLDER; photos, video and averaged may be divided into train/ and test/:

    FOLDER/photos/                    sharp photos
    FOLDER/video/                     sharp frames of videos
    FOLDER/frames/SEQUENCE/           high-speed video
    FOLDER/averaged/{blur,sharp}/     pairs
    FOLDER/val/{blur,sharp}/          validation pairs

The training consists of three runs. Each starts from the averaged weights of the previous one: a long run at a constant
learning rate on photos and video, then two runs that also see the embedded training scenes, mostly lettering, and end with a
learning rate that decays to zero. From run to run, mildly blurred and sharp examples have more weight. The mean of the last two
runs is packaged. All runs are kept in runs/; an interrupted command continues when it is repeated. To continue from the
packaged model, use icdpm-train --start_from=packaged.

The first two runs of the packaged model were trained before `motion:` simulated soft lenses.
"""

from pathlib import Path

from absl import flags

from icdpm.cli import reject_arguments, run_command

FLAGS = flags.FLAGS
# Proportions of the training examples, {argument of `load_pairs`, with {} for the folder: weight}.
PHOTOS_ONLY = {"motion:{}/photos": 0.72, "motion:{}/video": 0.12, "frames:{}/frames": 0.03, "{}/averaged": 0.13}
WITH_SCENES = {**PHOTOS_ONLY, "motion:{}/photos": 0.65, "motion:{}/video": 0.11, "{}/averaged": 0.11, "embedded": 0.1}
VALIDATION = "{}/val"
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
    flags.DEFINE_string("folder", None, "Folder of the training data, with the contents above.")


def main(argv):
    """Trains all runs and replaces the packaged model."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.configs import load_config
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy
    from icdpm_experiments.packaged_model.packaging import package

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


def load_training_data(folder, proportions=PHOTOS_ONLY):
    """Loads the training and validation data of a folder.

    Args:
      folder: folder in the layout that the module describes.
      proportions: `PHOTOS_ONLY` or `WITH_SCENES`.

    Returns:
      (training, validation), two `PairSource`s.

    Raises:
      IcdpmError: the folder or a part of it is missing.
    """
    from icdpm_datasets.load import load_pairs
    from icdpm_experiments.pairs import check_training_folder

    check_training_folder(folder)
    folder = Path(folder)
    training = ",".join(f"{part.format(folder)}:{weight}" for part, weight in proportions.items())
    return load_pairs(training, "train"), load_pairs(VALIDATION.format(folder), "test")


if __name__ == "__main__":
    define_flags()
    run_command(main)
