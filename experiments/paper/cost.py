"""What an experiment costs in accelerator hours, estimated before it starts."""

from __future__ import annotations

from typing import NamedTuple

from icdpm.evaluation.metric_selection import select_metrics
from icdpm.models.schedules import training_stages
from icdpm_experiments.paper.table11 import count

# TPU v3, which the paper trained on: one core's peak in bf16.
PEAK_FLOPS = 61.5e12
UTILISATION = 0.35  # assumed: the part of the peak that such convolutions reach
_TRAINING = 3  # a training step costs one forward pass and, backward, two more
_COUNTED_PIXELS = 720 * 1280  # as `count` counts


class Restoring(NamedTuple):
    """A test set restored by a variant.

    Attributes:
      variant: its name.
      dataset: its name.
      evaluations: of the network, for each picture.
      pictures: how many pictures of the set; None for all.
    """

    variant: str
    dataset: str
    evaluations: int
    pictures: int | None = None


def restorings_by(models, scale, datasets, pictures=None):
    """The `Restoring`s of data sets, or of so many pictures of each, by `models.Model`s."""
    return [Restoring(model.variant, dataset, model.evaluations(scale), pictures) for model in models for dataset in datasets]


def sweep_of(variant, scale, dataset) -> Restoring:
    """Returns the `Restoring` of a test set by one sample at every point of the scale's sampling grid."""
    return Restoring(variant, dataset, sum(settings.steps for settings in scale.grid()))


def hours(flops):
    """Hours of one accelerator core for so many FLOPs."""
    return flops / (PEAK_FLOPS * UTILISATION) / 3600


def training_flops(config, flops_per_pixel):
    """Of training a config's model to its last step."""
    pixels = sum((stage.stop - stage.start) * stage.batch * stage.crop**2 for stage in training_stages(config))
    return _TRAINING * pixels * flops_per_pixel


def restoring_flops(pairs, evaluations, flops_per_pixel, pictures=None):
    """Of restoring the pictures of a `PairSource`, or so many of them, taken to be all as large as the first."""
    height, width = pairs.load(0)[0].shape[:2]
    return (len(pairs) if pictures is None else pictures) * evaluations * height * width * flops_per_pixel


def describe(runs, restorings):
    """The estimate for a list of `Restoring`, with the training of their variants where they are not trained yet.

    Args:
      runs: a `Runs`.
      restorings: the list; what is restored already is counted all the same.

    Returns:
      A sentence.
    """
    training = sampling = 0
    for workdir, variant in {runs.workdir(each.variant): each.variant for each in restorings}.items():
        config = runs.config(variant)
        flops_per_pixel = count(config)[1] / _COUNTED_PIXELS
        if not runs.is_trained(variant):
            training += training_flops(config, flops_per_pixel)
        for each in dict.fromkeys(restorings):
            if runs.workdir(each.variant) == workdir:
                pairs = runs.scale.test_pairs(each.dataset)
                sampling += restoring_flops(pairs, each.evaluations, flops_per_pixel, each.pictures)
    return (
        f"Estimated cost in hours of one TPU v3 core: {hours(training):,.0f} to train, {hours(sampling):,.0f} to restore "
        f"(the convolutions' FLOPs, a training step as {_TRAINING} forward passes, at {UTILISATION:.0%} of the peak of "
        f"{PEAK_FLOPS / 1e12:g} TFLOP/s, which is assumed; what earlier runs have restored is counted again)."
    )


def announce(runs, restorings):
    """Prints the estimate, after making sure that the data and what the metrics need are there.

    Raises IcdpmError where they are not.
    """
    for dataset in dict.fromkeys(each.dataset for each in restorings):
        runs.scale.test_pairs(dataset)
        select_metrics(["psnr"], runs.scale.alignment(dataset))
    if not all(runs.is_trained(each.variant) for each in restorings):
        runs.scale.training_pairs()
    print(describe(runs, restorings), flush=True)
