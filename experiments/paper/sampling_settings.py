"""Sampling settings of the tables: the grid of Table 10, and the best point of it for the rows of Tables 3 to 7.

The paper's "Ours" in Tables 3 and 4 has the best LPIPS of Table 2 (f), which is the best over the grid of Table 10 on the same
test set. Every row whose model draws samples takes its best point in the same way, so that no row has the advantage of the
choice alone.
"""

from __future__ import annotations

from typing import NamedTuple

from icdpm.diffusion.schedules import linear_beta
from icdpm.models.settings import SamplingSettings
from icdpm_experiments.paper.experiment import RequiredRun, required_runs, required_sweep

# Table 10.
STEPS = (20, 30, 50, 100, 200, 500, 1000)
MAX_NOISE_VARIANCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
# Criteria for the best point: the first metric that is available, and the function that selects its best mean.
CRITERIA = {"lpips_alex": min, "niqe": min, "psnr": max}


def grid_settings(samples: int = 1) -> list[SamplingSettings]:
    """Returns the 19 settings of Table 10.

    The columns of the table's crosses are lost. The settings that end in noise, 1e-30 < γ_T < 1e-2, reproduce the number of
    crosses in each row.
    """
    return [
        SamplingSettings("ancestral", steps, variance, samples)
        for steps in STEPS
        for variance in MAX_NOISE_VARIANCES
        if 1e-30 < float(linear_beta(steps, variance)[-1]) < 1e-2
    ]


class Point(NamedTuple):
    """A point of the sampling sweep.

    Attributes:
      settings: `SamplingSettings` of one sample.
      metric: name of the metric in `CRITERIA` that selected it.
      value: mean of the metric over the test set, with one sample per image.
    """

    settings: SamplingSettings
    metric: str
    value: float


def best_point(runs, variant, dataset) -> Point:
    """Returns the best point of a variant's sampling sweep on a test set.

    Args:
      runs: a `Runs`. Its journal keeps the sweep, so that a second call costs no sampling.
      variant: name of a config whose model draws samples.
      dataset: name of the test set.
    """
    points, _, _ = runs.sweep(variant, dataset)
    metric = next(name for name in CRITERIA if name in points[0])
    values = [each[metric] for each in points]
    best = CRITERIA[metric](values)
    return Point(runs.scale.grid()[values.index(best)], metric, best)


def restore_at_best(runs, models, dataset) -> tuple[dict, dict]:
    """Restores a test set by the models of a table. Models that draw samples use their best points.

    Args:
      runs: a `Runs`.
      models: {row: `models.ComparedModel`}.
      dataset: name of the test set.

    Returns:
      ({row: folder of restored images}, {row: `Point`}). Rows of models that draw no samples have no point.
    """
    folders, points, best = {}, {}, {}
    for row, model in models.items():
        settings = model.settings(runs.scale)
        if isinstance(settings, SamplingSettings):
            if model.variant not in best:
                best[model.variant] = best_point(runs, model.variant, dataset)
            points[row] = best[model.variant]
            settings = points[row].settings.changed(samples=model.samples)
        folders[row] = runs.restore(model, dataset, settings)
    return folders, points


def required_at_best(models, scale, dataset) -> list[RequiredRun]:
    """Lists the required runs of `restore_at_best`. The longest point of the grid is an upper bound for the best one.

    Args:
      models: iterable of `models.ComparedModel`.
      scale: a scale of `scales`.
      dataset: name of the test set.
    """
    longest = max(settings.steps for settings in scale.grid())
    required = []
    for model in models:
        if isinstance(model.settings(scale), SamplingSettings):
            required.append(required_sweep(model.variant, scale, dataset))
            required.append(RequiredRun(model.variant, dataset, longest * model.samples))
        else:
            required += required_runs([model], scale, [dataset])
    return required


def point_notes(models, points, scale) -> list[str]:
    """Returns sentences that report how each row was restored: the settings, and the metric that selected them.

    Args:
      models: {row: `models.ComparedModel`}.
      points: {row: `Point`}, from `restore_at_best`.
      scale: a scale of `scales`.
    """
    notes = []
    for row, model in models.items():
        if row not in points:
            notes.append(f"{row}: {model.variant}, {model.settings(scale)}.")
            continue
        settings, metric, value = points[row]
        samples = "one sample" if model.samples == 1 else f"the mean of {model.samples} samples"
        notes.append(f"{row}: {samples} of {model.variant} ({settings}); selected by {metric}, {value:.4g} for one sample.")
    notes.append(
        "Each row whose model draws samples uses the best point of its sampling sweep on this test set: by lpips_alex, by niqe "
        f"if the weights of LPIPS are missing, by psnr if both are missing. {grid_note(scale)}"
    )
    notes.append(
        "The published 'Ours' is such a point in Tables 3 and 4: its LPIPS is the best of Table 2 (f). Assumed: the same "
        "selection in the other tables and for the other rows, and for '-SA' rows the point of one sample and the number of "
        "samples."
    )
    return notes


def grid_note(scale) -> str:
    """Returns a sentence that lists the points of a scale's sampling grid."""
    points = ", ".join(f"{each.steps} to {each.max_noise_variance:g}" for each in scale.grid())
    return f"The points of the sweep, as steps to largest noise variance: {points}."


def point_records(models, points) -> dict[str, dict]:
    """Returns {row: the point as a flat dict, for the JSON of a table}."""
    return {
        row: {
            "steps": settings.steps,
            "max_noise_variance": settings.max_noise_variance,
            "samples": models[row].samples,
            "chosen_by": metric,
            "value": value,
        }
        for row, (settings, metric, value) in points.items()
    }
