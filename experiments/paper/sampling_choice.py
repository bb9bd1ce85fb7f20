"""The sampling point of the rows of Tables 3 to 7: the best one of the sampling sweep, chosen per test set.

The paper's "Ours" in Tables 3 and 4 has the best LPIPS of Table 2 (f), which is the best over the grid of Table 10 on the same
test set. Every row that draws samples is chosen in this way, so that no row has the advantage of the choice alone.
"""

from __future__ import annotations

from typing import NamedTuple

from icdpm.models.settings import SamplingSettings
from icdpm_experiments.paper.cost import Restoring, restorings_by, sweep_of

# What a point is chosen by: the first metric that is available, and whether its least or its greatest mean is the best.
CRITERIA = {"lpips_alex": min, "niqe": min, "psnr": max}


class Point(NamedTuple):
    """A point of the sampling sweep.

    Attributes:
      settings: `SamplingSettings` of one sample.
      metric: name of the metric in `CRITERIA` that chose it.
      value: mean of the metric over the test set, of one sample for each picture.
    """

    settings: SamplingSettings
    metric: str
    value: float


def best_point(runs, variant, dataset) -> Point:
    """Returns the best point of a variant's sampling sweep on a test set.

    Args:
      runs: a `Runs`; its journal keeps the sweep, so that a second choice costs no sampling.
      variant: name of a config whose model draws samples.
      dataset: name of the test set.
    """
    swept, _, _ = runs.swept(variant, dataset)
    metric = next(name for name in CRITERIA if name in swept[0])
    values = [each[metric] for each in swept]
    best = CRITERIA[metric](values)
    return Point(runs.scale.grid()[values.index(best)], metric, best)


def restore_at_best(runs, models, dataset) -> tuple[dict, dict]:
    """Restores a test set by the models of a table's rows, those that draw samples at their best points.

    Args:
      runs: a `Runs`.
      models: {row: `models.Model`}.
      dataset: name of the test set.

    Returns:
      ({row: folder of restored pictures}, {row: `Point`}); rows of models that draw no samples have no point.
    """
    folders, points, chosen = {}, {}, {}
    for row, model in models.items():
        settings = model.settings(runs.scale)
        if isinstance(settings, SamplingSettings):
            if model.variant not in chosen:
                chosen[model.variant] = best_point(runs, model.variant, dataset)
            points[row] = chosen[model.variant]
            settings = points[row].settings.changed(samples=model.samples)
        folders[row] = runs.restored(model, dataset, settings)
    return folders, points


def restorings_at_best(models, scale, dataset) -> list[Restoring]:
    """Lists what `restore_at_best` restores, at most: the chosen point is counted as the longest of the grid.

    Args:
      models: iterable of `models.Model`.
      scale: a scale of `scales`.
      dataset: name of the test set.
    """
    longest = max(settings.steps for settings in scale.grid())
    needs = []
    for model in models:
        if isinstance(model.settings(scale), SamplingSettings):
            needs.append(sweep_of(model.variant, scale, dataset))
            needs.append(Restoring(model.variant, dataset, longest * model.samples))
        else:
            needs += restorings_by([model], scale, [dataset])
    return needs


def choice_notes(models, points, scale) -> list[str]:
    """Returns the sentences that report how each row was restored, and by which metric and at which point.

    Args:
      models: {row: `models.Model`}.
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
        notes.append(f"{row}: {samples} of {model.variant} ({settings}); chosen by {metric}, {value:.4g} for one sample.")
    notes.append(
        "Each row that draws samples takes the best point of its sampling sweep on this test set: by lpips_alex, else by niqe "
        f"where the weights of LPIPS are missing, else by psnr. {grid_note(scale)}"
    )
    notes.append(
        "The published 'Ours' is such a point in Tables 3 and 4: its LPIPS is the best of Table 2 (f). Assumed: the same "
        "choice in other tables and for other rows, and for '-SA' rows the point of one sample and the number of samples."
    )
    return notes


def grid_note(scale) -> str:
    """Returns the sentence that lists the points of a scale's sampling grid."""
    points = ", ".join(f"{each.steps} to {each.max_noise_variance:g}" for each in scale.grid())
    return f"The sweep's points, steps and largest noise variance: {points}."


def point_records(models, points) -> dict:
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
