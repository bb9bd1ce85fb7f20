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
from typing import NamedTuple

from absl import flags

from icdpm.cli import reject_arguments, run_command

FLAGS = flags.FLAGS
VALIDATION = "{}/val"


class Run(NamedTuple):
    """A training run of `RUNS`.

    Attributes:
      start: names of the runs from the mean of whose averaged weights it starts; (): from random weights.
      data: training data, {argument of `load_pairs`, with {} for the folder: proportion of the examples}.
      changes: changes of the config small_naf.
    """

    start: tuple[str, ...]
    data: dict[str, float]
    changes: tuple[str, ...]


_PHOTOS = {"motion:{}/photos": 0.72, "motion:{}/video": 0.12, "frames:{}/frames": 0.03, "{}/averaged": 0.13}
_SCENES = {**_PHOTOS, "motion:{}/photos": 0.65, "motion:{}/video": 0.11, "{}/averaged": 0.11, "embedded": 0.1}
# {name of the workdir in runs/: run}, in the order of training.
RUNS = {
    "weights_first": Run((), _PHOTOS, ("run.steps=59_608", "optimizer.learning_rate_decay=()")),
    "weights_second": Run(
        ("weights_first",),
        _SCENES,
        ("run.steps=32_000", "optimizer.learning_rate_decay=(19_000, 32_000)", "diffusion.blur_exponent=0.5", "seed=1"),
    ),
    "weights_third": Run(
        ("weights_second",),
        _SCENES,
        (
            "run.steps=15_000",
            "optimizer.learning_rate=8e-4",
            "optimizer.learning_rate_decay=(3_000, 15_000)",
            "diffusion.blur_exponent=1.0",
            "seed=2",
        ),
    ),
}
PACKAGED = ("weights_second", "weights_third")


def define_flags():
    """Defines the flags of this command."""
    flags.DEFINE_string("folder", None, "Folder of the training data, with the contents above.")


def main(argv):
    """Trains all runs and replaces the packaged model."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.configs import load_config
    from icdpm.models.workdir import checkpoint_steps
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy
    from icdpm_experiments.packaged_model.packaging import package, write_mean

    folder = Path("runs")
    for name, run in RUNS.items():
        training, validation = load_training_data(FLAGS.folder, run.data)
        config = load_config("small_naf", run.changes)
        start = None
        if run.start and not checkpoint_steps(folder / name):
            start = write_mean([folder / each for each in run.start], folder / f"{name}_start")
        if signal := train(config, folder / name, training, validation, make_strategy("single"), start):
            print(f"Stopped by signal {signal}. Repeat the command to continue.")
            return 128 + signal
    runs, packaged = ([folder / name for name in names] for names in (RUNS, PACKAGED))
    change = package(runs, packaged, pretrained.WORKDIR, validation, FLAGS.folder)
    print(f"packaged in {pretrained.WORKDIR}; half precision changes the validation PSNR by {change:+.4f} dB")
    return 0


def load_training_data(folder, proportions=_PHOTOS):
    """Loads the training and validation data of a folder.

    Args:
      folder: folder in the layout that the module describes.
      proportions: as `Run.data`.

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
