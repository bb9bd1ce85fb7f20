"""The interface of a table or figure: `Experiment`, the runs that it requires, and an estimate of their cost."""

from __future__ import annotations

from typing import Callable, NamedTuple

from icdpm.evaluation.metric_selection import select_metrics
from icdpm.models.registry import build_model
from icdpm.networks.layers import zero_weights
from icdpm.training.cost import estimate_cost, restoration_flops
from icdpm_experiments.paper.models import SAME, prerequisite

# The paper trained on TPU v3: the bfloat16 peak of one core.
PEAK_FLOPS = 61.5e12
UTILIZATION = 0.35  # assumed fraction of the peak


class Experiment(NamedTuple):
    """A table or figure.

    Attributes:
      run: function of a `runs.Runs` that writes the results. It takes the `options` as keyword arguments.
      required_runs: function of a scale that returns the `RequiredRun`s of the experiment.
      options: names of the flags that `run` takes: 'restored', {name of another method: folder of its restored images};
        'answers', glob pattern of the files that raters exported; 'crops', texts for `visual_comparison.parse_crop`; 'photos',
        a folder.
      partial: whether it can be made from some of its variants, with the other rows left empty.
    """

    run: Callable
    required_runs: Callable
    options: tuple[str, ...] = ()
    partial: bool = False


class RequiredRun(NamedTuple):
    """A test set that a variant has to restore.

    Attributes:
      variant: name of a config.
      dataset: name of the test set.
      evaluations: network evaluations per image, over all its restorations.
      images: number of images; None for the whole test set.
      restorations: how many times each image is restored. Each encodes the condition once.
    """

    variant: str
    dataset: str
    evaluations: int
    images: int | None = None
    restorations: int = 1


def required_runs(models, scale, datasets, images=None) -> list[RequiredRun]:
    """Lists the restorations of data sets by models with the settings of their configs.

    Args:
      models: iterable of `models.ComparedModel`.
      scale: a scale of `scales`.
      datasets: names of test sets.
      images: number of images of each set; None for all.
    """
    return [RequiredRun(model.variant, dataset, model.evaluations(scale), images) for model in models for dataset in datasets]


def required_sweep(variant, scale, dataset) -> RequiredRun:
    """Returns the restoration of a test set by one sample at every point of the scale's sampling grid."""
    grid = scale.grid()
    return RequiredRun(variant, dataset, sum(settings.steps for settings in grid), restorations=len(grid))


def count_restoration_flops(model, pairs, required: RequiredRun) -> int:
    """Counts the FLOPs of a required run. All images are assumed to be as large as the first.

    Args:
      model: an `ImageRestorer`.
      pairs: the `PairSource` of the test set.
      required: the run.
    """
    condition, evaluation = restoration_flops(model, *pairs.load(0)[0].shape[:2])
    images = len(pairs) if required.images is None else required.images
    return images * (required.restorations * condition + required.evaluations * evaluation)


def core_hours(flops: float) -> float:
    """Converts FLOPs to hours of one accelerator core."""
    return flops / (PEAK_FLOPS * UTILIZATION) / 3600


def describe_cost(runs, required) -> str:
    """Estimates the cost of a list of `RequiredRun`s, including the training of variants that are not trained yet.

    Args:
      runs: a `runs.Runs`.
      required: the list. Images that earlier runs have restored are counted again.

    Returns:
      A sentence.
    """
    required = list(dict.fromkeys(each._replace(variant=SAME.get(each.variant, each.variant)) for each in required))
    variants = dict.fromkeys(each.variant for each in required)
    training = sum(estimate_cost(runs.config(variant), 1).training_flops for variant in _untrained(runs, variants))
    restoring = 0
    for variant in variants:
        with zero_weights():
            model = build_model(runs.config(variant))
        for each in required:
            if each.variant == variant:
                restoring += count_restoration_flops(model, runs.scale.test_pairs(each.dataset), each)
    return (
        f"Estimated cost in hours of one TPU v3 core: {core_hours(training):,.0f} to train, {core_hours(restoring):,.0f} to "
        f"restore (FLOPs of convolutions and matrix products, at an assumed {UTILIZATION:.0%} of the peak of "
        f"{PEAK_FLOPS / 1e12:g} TFLOP/s; images that earlier runs have restored are counted again)."
    )


def check_and_print_cost(runs, required) -> None:
    """Checks that the data and the dependencies of the metrics are available, then prints the cost estimate.

    Raises:
      IcdpmError: something is missing.
    """
    for dataset in dict.fromkeys(each.dataset for each in required):
        runs.scale.test_pairs(dataset)
        select_metrics(["psnr"], runs.scale.alignment(dataset))
    if not all(runs.is_trained(each.variant) for each in required):
        runs.scale.training_pairs()
    print("Estimating the cost; this takes up to minutes for each variant.", flush=True)
    print(describe_cost(runs, required), flush=True)


def _untrained(runs, variants) -> list[str]:
    """Lists the variants that are not trained yet, and those that have to be trained before them."""
    found = {}
    for variant in variants:
        while variant is not None and not runs.is_trained(variant):
            found[SAME.get(variant, variant)] = None
            variant = prerequisite(variant)
    return list(found)
