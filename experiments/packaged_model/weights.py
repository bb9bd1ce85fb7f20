"""Trains the packaged model and replaces the one in the package.

    make weights FOLDER=images

Contents of FOLDER; photos, video and averaged may be divided into train/ and test/:

    FOLDER/photos/                    sharp photos
    FOLDER/video/                     sharp frames of videos
    FOLDER/frames/SEQUENCE/           high-speed video
    FOLDER/averaged/{blur,sharp}/     pairs
    FOLDER/val/{blur,sharp}/          validation pairs

The training consists of ten runs. All but the first start from averaged weights of earlier ones:

- weights_first: a long run at a constant learning rate, on photos and video.
- weights_second, weights_third: these also see the embedded training scenes, mostly lettering, and end with a decaying learning
  rate. From run to run, mildly blurred and sharp examples have more weight.
- weights_long, weights_handheld: two runs from the mean of weights_second and weights_third, at a constant learning rate, on
  larger crops with longer blur. weights_handheld has less of it, and more weight of mild blur.
- weights_long_end, weights_handheld_end: continue both, each from the mean of both, and end with a decaying learning rate.
- weights_long_large, weights_handheld_large: the same again from the mean of these, longer and on still larger crops.
- weights_handheld_more: continues their mean, with the data and settings of weights_handheld_large.

The averaged weights of weights_handheld_more are packaged. All runs are kept in runs/; an interrupted command continues
when it is repeated. To continue from the packaged model, use icdpm-train --start_from=packaged.

The first two runs of the packaged model were trained before `motion:` simulated soft lenses, and weights_long and
weights_handheld started from weights that had been rounded to half precision.
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
_LONG = {
    "motion:{}/photos": 0.24,
    "motion:{}/video": 0.05,
    "long_motion:{}/photos": 0.4,
    "long_motion:{}/video": 0.07,
    "frames:{}/frames": 0.04,
    "{}/averaged": 0.1,
    "embedded": 0.1,
}
_HANDHELD = {
    "motion:{}/photos": 0.36,
    "motion:{}/video": 0.06,
    "long_motion:{}/photos": 0.2,
    "long_motion:{}/video": 0.07,
    "handheld:{}/photos": 0.06,
    "frames:{}/frames": 0.04,
    "{}/averaged": 0.11,
    "embedded": 0.1,
}
_LARGE_CROPS = ("data.crop=128", "data.batch=7", "optimizer.learning_rate=8e-4")
_CONSTANT = (*_LARGE_CROPS, "run.steps=8_000", "optimizer.learning_rate_decay=()")
_DECAYING = (*_LARGE_CROPS, "run.steps=21_000", "optimizer.learning_rate_decay=(9_000, 21_000)")
_LONGER = (
    "data.crop=160",
    "data.batch=4",
    "optimizer.learning_rate=8e-4",
    "run.steps=36_000",
    "optimizer.learning_rate_decay=(2_000, 36_000)",
)
_SECOND_AND_THIRD = ("weights_second", "weights_third")
_LONG_AND_HANDHELD = ("weights_long", "weights_handheld")
_ENDS = ("weights_long_end", "weights_handheld_end")
_LARGE = ("weights_long_large", "weights_handheld_large")
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
    "weights_long": Run(_SECOND_AND_THIRD, _LONG, (*_CONSTANT, "diffusion.blur_exponent=0.5", "seed=3")),
    "weights_handheld": Run(_SECOND_AND_THIRD, _HANDHELD, (*_CONSTANT, "diffusion.blur_exponent=1.0", "seed=4")),
    "weights_long_end": Run(_LONG_AND_HANDHELD, _LONG, (*_DECAYING, "diffusion.blur_exponent=0.5", "seed=5")),
    "weights_handheld_end": Run(_LONG_AND_HANDHELD, _HANDHELD, (*_DECAYING, "diffusion.blur_exponent=1.0", "seed=6")),
    "weights_long_large": Run(_ENDS, _LONG, (*_LONGER, "diffusion.blur_exponent=0.5", "seed=7")),
    "weights_handheld_large": Run(_ENDS, _HANDHELD, (*_LONGER, "diffusion.blur_exponent=0.75", "seed=8")),
    "weights_handheld_more": Run(_LARGE, _HANDHELD, (*_LONGER, "diffusion.blur_exponent=0.75", "seed=12")),
}
PACKAGED = ("weights_handheld_more",)


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
