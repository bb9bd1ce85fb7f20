"""Tables 3 to 6, the test sets measured by all metrics, and Table 7, the preference study.

The rows that are restored here are `models.DEBLURRING`, with those that the scale adds, and `models.PREFERENCE`. Models that
draw samples use the best point of their sampling sweep on the table's test set (`sampling_settings`). Rows of other methods are
measured if a folder of their restored images is given; otherwise they have the published values only.

Table 7 shows the images of Table 4 for the rows "Ours", "Ours-SA" and "DvSR", which has the same test set and row names. The
paper states no other sampling setting for its raters' images.
"""

from __future__ import annotations

import functools
import glob

from icdpm.errors import IcdpmError
from icdpm.evaluation.preference_study import PROTOCOL, preference_fractions, read_answers, write_preference_page
from icdpm_experiments.paper import published
from icdpm_experiments.paper.comparison import extend_table, merge_folders, result_row, write_comparison
from icdpm_experiments.paper.experiment import Experiment, RequiredRun
from icdpm_experiments.paper.models import DEBLURRING, PREFERENCE, ComparedModel
from icdpm_experiments.paper.published import TABLE7, TABLE7_METHODS
from icdpm_experiments.paper.sampling_settings import point_notes, point_records, required_at_best, restore_at_best
from icdpm_experiments.paper.scales import OUT_OF_DOMAIN

METRICS = ("lpips_alex", "niqe", "fid", "kid", "psnr", "ssim")
COLUMNS = ("lpips_alex", "niqe", "fid", "kid_x1000", "psnr", "ssim")
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
    write_comparison(
        table,
        title,
        runs.scale,
        rows + extension,
        notes=[*point_notes(usable, points, runs.scale), *runs.untrained_notes(models), *extension_notes],
        protocols=protocols,
        not_available=not_available,
        test_set=dataset,
        restored={row: str(folder) for row, folder in folders.items()},
        sampling=point_records(usable, points),
    )


def required_for_table7(scale) -> list[RequiredRun]:
    """Lists the required runs of Table 7."""
    return required_at_best(PREFERENCE.values(), scale, OUT_OF_DOMAIN)


def run_table7(runs, restored, answers=None) -> None:
    """Writes the raters' page, and results/table7 from the answers that they exported.

    Args:
      runs: a `Runs`.
      restored: {name of another method: folder of its restored images}.
      answers: glob pattern of the files that raters exported, or None.

    Raises:
      IcdpmError: no file matches `answers`.
    """
    own, points = restore_at_best(runs, PREFERENCE, OUT_OF_DOMAIN)
    folders = merge_folders(own, restored)
    page = runs.folder / "preference.html"
    comparisons = write_preference_page(folders, page)
    print(f"Page for raters, {comparisons} comparisons: {page}")
    fractions, notes = {}, []
    if answers:
        files = sorted(glob.glob(answers))
        if not files:
            raise IcdpmError(f"No file matches {answers}. Pass the files that the raters exported.")
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
        sampling=point_records(PREFERENCE, points),
    )


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
