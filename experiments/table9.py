"""Table 9: the denoiser with and without the blurry image as its input, in-domain and out-of-domain."""

from icdpm_experiments.comparison import row_of, write_comparison
from icdpm_experiments.cost import Restoring
from icdpm_experiments.published import TABLE9
from icdpm_experiments.scales import IN_DOMAIN, OUT_OF_DOMAIN

METRICS = ("psnr", "lpips_alex")
VARIANTS = {"w/o input concatenation": "table9_without_concatenation", "w/ concatenation": "table8_d"}


def restorings(scale):
    """What the table needs restored."""
    return [
        Restoring(variant, dataset, scale.config(variant).sampling.steps)
        for variant in VARIANTS.values()
        for dataset in (IN_DOMAIN, OUT_OF_DOMAIN)
    ]


def run(runs):
    """Trains, restores and measures the two variants; writes results/table9."""
    rows, protocols, not_available = [], {}, {}
    for number, dataset in enumerate((IN_DOMAIN, OUT_OF_DOMAIN)):
        folders = {row: runs.restored(variant, dataset) for row, variant in VARIANTS.items()}
        measured, protocols, not_available = runs.measured(dataset, folders, METRICS)
        for row in ("blurry", *VARIANTS):
            values = TABLE9.get(row, [None] * 4)[2 * number :]
            for metric, value in zip(METRICS, values):
                rows.append(row_of(row, runs.scale.label(dataset), metric, measured[row].get(metric), value))
    notes = []
    if runs.config("table8_d").diffusion.parametrisation != "noise":
        notes.append("At this scale the denoiser sees the blurry image without concatenation too, through its parametrisation.")
    title = "Table 9: with and without the blurry image as input"
    write_comparison("table9", title, runs.scale, rows, notes=notes, protocols=protocols, not_available=not_available)
