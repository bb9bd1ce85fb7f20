"""Tables 3 to 6: restored pictures of the four test sets, measured by all metrics.

The rows that are made here are `models.DEBLURRING`, those that draw samples at the best point of their sampling sweep on the
table's test set (`sampling_choice`). Other methods' rows are measured where a folder of their restored pictures is given, else
only published.
"""

import functools

from icdpm_experiments.paper import published
from icdpm_experiments.paper.comparison import row_of, write_comparison
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.models import DEBLURRING
from icdpm_experiments.paper.runs import beside_others
from icdpm_experiments.paper.sampling_choice import choice_notes, point_records, restore_at_best, restorings_at_best

METRICS = ("lpips_alex", "niqe", "fid", "kid", "psnr", "ssim")
COLUMNS = ("lpips_alex", "niqe", "fid", "kid_x1000", "psnr", "ssim")
TABLES = {
    "table3": ("gopro", published.TABLE3, "Table 3: deblurring GoPro (in-domain)"),
    "table4": ("realblur_j", published.TABLE4, "Table 4: deblurring RealBlur-J (out-of-domain)"),
    "table5": ("reds", published.TABLE5, "Table 5: deblurring REDS (out-of-domain)"),
    "table6": ("hide", published.TABLE6, "Table 6: deblurring HIDE (out-of-domain)"),
}


def restorings(scale, table):
    """What the table needs restored."""
    return restorings_at_best(DEBLURRING.values(), scale, TABLES[table][0])


def run(runs, table, restored):
    """Restores and measures; writes results/table3 … results/table6.

    Args:
      runs: a `Runs`.
      table: of `TABLES`.
      restored: {name of another method, as the paper has it or not: folder of its restored pictures}.
    """
    dataset, published_rows, title = TABLES[table]
    own, points = restore_at_best(runs, DEBLURRING, dataset)
    folders = beside_others(own, restored)
    measured, protocols, not_available = runs.measured(dataset, folders, METRICS)
    for values in measured.values():
        if "kid" in values:
            values["kid_x1000"] = 1000 * values["kid"]
    label = runs.scale.label(dataset)
    rows = [
        row_of(name, label, column, measured.get(name, {}).get(column), value)
        for name in dict.fromkeys(["blurry", *restored, *published_rows, *own])
        for column, value in zip(COLUMNS, published_rows.get(name, [None] * len(COLUMNS)))
    ]
    write_comparison(
        table,
        title,
        runs.scale,
        rows,
        notes=choice_notes(DEBLURRING, points, runs.scale),
        protocols=protocols,
        not_available=not_available,
        test_set=dataset,
        restored={row: str(folder) for row, folder in folders.items()},
        sampling=point_records(DEBLURRING, points),
    )


EXPERIMENTS = {
    table: Experiment(functools.partial(run, table=table), functools.partial(restorings, table=table), ("restored",))
    for table in TABLES
}
