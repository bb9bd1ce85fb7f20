"""Tables 3 to 6: restored pictures of the four test sets, measured by all metrics.

Our rows are Table 2's model (f) by its config's settings, as the paper does not say which of Table 10's it took: `Ours` is
one sample, `Ours-SA` the mean of eight. Other methods' rows are measured where a folder of their restored pictures is given,
else only published.
"""

from icdpm_experiments import published
from icdpm_experiments.comparison import row_of, write_comparison
from icdpm_experiments.cost import Restoring
from icdpm_experiments.runs import AVERAGED, beside_others

OURS = "table2_f"
SAMPLES = {"Ours-SA": AVERAGED, "Ours": 1}
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
    steps = scale.config(OURS).sampling.steps
    return [Restoring(OURS, TABLES[table][0], steps * samples) for samples in SAMPLES.values()]


def run(runs, table, restored):
    """Restores and measures; writes results/table3 … results/table6.

    Args:
      runs: a `Runs`.
      table: of `TABLES`.
      restored: {name of another method, as the paper has it or not: folder of its restored pictures}.
    """
    dataset, published_rows, title = TABLES[table]
    ours = {row: runs.restored(OURS, dataset, samples) for row, samples in SAMPLES.items()}
    folders = beside_others(ours, restored)
    measured, protocols, not_available = runs.measured(dataset, folders, METRICS)
    for values in measured.values():
        if "kid" in values:
            values["kid_x1000"] = 1000 * values["kid"]
    names = dict.fromkeys(["blurry", *restored, *published_rows])
    label = runs.scale.label(dataset)
    rows = [
        row_of(name, label, column, measured.get(name, {}).get(column), value)
        for name in names
        for column, value in zip(COLUMNS, published_rows.get(name, [None] * len(COLUMNS)))
    ]
    sampling = runs.config(OURS).sampling
    how = f"{sampling.steps} steps ({sampling.sampler}, largest noise variance {sampling.max_noise_variance:g})"
    notes = [f"Ours: one sample of {how} of Table 2 (f); Ours-SA: the mean of {AVERAGED}."]
    write_comparison(
        table,
        title,
        runs.scale,
        rows,
        notes=notes,
        protocols=protocols,
        not_available=not_available,
        test_set=dataset,
        restored={row: str(folder) for row, folder in folders.items()},
    )
