"""Tables 3 to 6, the test sets measured by all metrics, and Table 7, the preference study.

The rows that are restored here are `models.DEBLURRING`, with those that the scale adds, and `models.PREFERENCE`. Rows of other
methods are measured if a folder of their restored images is given; otherwise they have the published values only.

The paper's "Ours" in Tables 3 and 4 has the best LPIPS of Table 2 (f), which is the best over the grid of Table 10 on the same
test set. Every row whose model draws samples takes its best point in the same way, so that no row has the advantage of the
choice alone.

Table 7 shows the images of Table 4 for the rows "Ours", "Ours-SA" and "DvSR", which has the same test set and row names. The
paper states no other sampling setting for its raters' images.
"""

from __future__ import annotations

import functools
import glob
from typing import NamedTuple

from icdpm.evaluation.preference_study import PROTOCOL, preference_fractions, read_answers, write_preference_page
from icdpm.models.settings import SamplingSettings
from icdpm_experiments.paper import published
from icdpm_experiments.paper.comparison import (
    extend_table,
    interval_row,
    merge_folders,
    restored_variable,
    result_row,
    write_comparison,
)
from icdpm_experiments.paper.experiment import Experiment, RequiredRun, required_runs, required_sweep
from icdpm_experiments.paper.models import DEBLURRING, PREFERENCE, ComparedModel
from icdpm_experiments.paper.published import TABLE7, TABLE7_METHODS
from icdpm_experiments.paper.scales import OUT_OF_DOMAIN, grid_note

METRICS = ("lpips_alex", "niqe", "fid", "kid", "psnr", "ssim")
COLUMNS = ("lpips_alex", "niqe", "fid", "kid_x1000", "psnr", "ssim")
# Criteria for the best point: the first metric that is available, and the function that selects its best mean.
CRITERIA = {"lpips_alex": min, "niqe": min, "psnr": max}
_CONFIG_GAIN = "psnr − blurry, one evaluation"
TABLES = {
    "table3": ("gopro", published.TABLE3, "Table 3: deblurring GoPro (in-domain)"),
    "table4": ("realblur_j", published.TABLE4, "Table 4: deblurring RealBlur-J (out-of-domain)"),
    "table5": ("reds", published.TABLE5, "Table 5: deblurring REDS (out-of-domain)"),
    "table6": ("hide", published.TABLE6, "Table 6: deblurring HIDE (out-of-domain)"),
}


def required_for_table(scale, table) -> list[RequiredRun]:
    """Lists the required runs of a table in `TABLES`."""
    return required_at_best(deblurring_models(scale).values(), scale, TABLES[table][0])


def deblurring_models(scale) -> dict[str, ComparedModel]:
    """Returns {row: model} of the rows of Tables 3 to 6 that are restored at a scale."""
    return {**DEBLURRING, **scale.further_models}


def run_table(runs, table, restored) -> None:
    """Restores and measures a test set; writes results/table3 … results/table6.

    Args:
      runs: a `Runs`.
      table: a key of `TABLES`.
      restored: {name of another method, from the paper or new: folder of its restored images}.
    """
    dataset, published_rows, title = TABLES[table]
    models = deblurring_models(runs.scale)
    usable = runs.usable(models)
    own, points = restore_at_best(runs, usable, dataset)
    folders = merge_folders(own, restored)
    measured, protocols, not_available = runs.measure(dataset, folders, METRICS)
    for values in measured.values():
        if "kid" in values:
            values["kid_x1000"] = 1000 * values["kid"]
    label = runs.scale.label(dataset)
    # At a scale with other test images the rows of methods that are not measured have nothing to compare.
    others = [] if runs.scale.extended else published_rows
    rows = [
        result_row(name, label, column, measured.get(name, {}).get(column), value)
        for name in dict.fromkeys(["blurry", *restored, *others, *models])
        for column, value in zip(COLUMNS, published_rows.get(name, [None] * len(COLUMNS)))
    ]
    extension, extension_notes = extend_table(runs, dataset, usable, folders, ("blurry", "UNet"))
    if runs.scale.extended:
        extension += _gains_of_configs(runs, usable, dataset)
        extension_notes.append(f"{_CONFIG_GAIN}: with the sampling of the config, one evaluation of the network.")
    write_comparison(
        table,
        title,
        runs.scale,
        rows + extension,
        notes=[*point_notes(usable, points, runs.scale), *runs.untrained_notes(models), *extension_notes],
        protocols=protocols,
        not_available=not_available,
        variables={"RESTORED": restored_variable(restored)},
        test_set=dataset,
        restored={row: str(folder) for row, folder in folders.items()},
        sampling=point_records(usable, points),
    )


def _gains_of_configs(runs, models, dataset):
    """Measures the gains with the sampling of the configs, which do not depend on the selection of a point."""
    folders = {row: runs.restore(model, dataset) for row, model in models.items() if model.samples == 1}
    gains = runs.measure_differences(dataset, folders, "psnr")
    return [interval_row(row, runs.scale.label(dataset), _CONFIG_GAIN, gain) for row, gain in gains.items()]


def required_for_table7(scale) -> list[RequiredRun]:
    """Lists the required runs of Table 7."""
    return required_at_best(PREFERENCE.values(), scale, OUT_OF_DOMAIN)


def run_table7(runs, restored, answers=None) -> None:
    """Writes the raters' page, and results/table7 from the answers that they exported.

    Args:
      runs: a `Runs`.
      restored: {name of another method: folder of its restored images}.
      answers: glob pattern of the files that raters exported, or None.
    """
    own, points = restore_at_best(runs, PREFERENCE, OUT_OF_DOMAIN)
    folders = merge_folders(own, restored)
    page = runs.folder / "preference.html"
    comparisons = write_preference_page(folders, page)
    print(f"Page for raters, {comparisons} comparisons: {page}")
    fractions, notes = {}, []
    if answers:
        files = sorted(glob.glob(answers))
        ratings = read_answers(files)
        fractions = preference_fractions(ratings)
        notes.append(f"{sum(map(len, ratings.ratings.values()))} ratings from {len(files)} raters.")
    else:
        notes.append("No raters' answers were given (ANSWERS='answers/*.json'), so nothing is measured.")
    label = runs.scale.label(OUT_OF_DOMAIN)
    methods = list(dict.fromkeys([*TABLE7_METHODS, *folders]))
    rows = []
    for method in methods:
        for other in methods:
            fraction = fractions.get((method, other))
            value = dict(zip(TABLE7_METHODS, TABLE7.get(method, ()))).get(other)
            rows.append(result_row(method, label, f"over {other}", fraction and fraction.value, value))
            rows[-1].update(low=fraction and fraction.low, high=fraction and fraction.high)
    write_comparison(
        "table7",
        "Table 7: human preference (out-of-domain)",
        runs.scale,
        rows,
        notes=[*notes, *point_notes(PREFERENCE, points, runs.scale)],
        protocols={"preference": PROTOCOL},
        variables={"RESTORED": restored_variable(restored), "ANSWERS": answers},
        sampling=point_records(PREFERENCE, points),
    )


# The best point of the sampling sweep.


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


EXPERIMENTS = {
    table: Experiment(
        functools.partial(run_table, table=table),
        functools.partial(required_for_table, table=table),
        ("restored",),
        partial=True,
    )
    for table in TABLES
}
EXPERIMENTS["table7"] = Experiment(run_table7, required_for_table7, ("restored", "answers"))
