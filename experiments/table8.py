"""Table 8: what is regressed, at which scales, and where the guidance enters; on the out-of-domain set, by one setting."""

from icdpm_experiments.comparison import row_of, write_comparison
from icdpm_experiments.cost import Restoring
from icdpm_experiments.published import TABLE8
from icdpm_experiments.scales import OUT_OF_DOMAIN

METRICS = ("lpips_alex", "psnr")
WHAT = {
    "a": "no guidance",
    "b": "RGB ×8 regression, as input",
    "c": "RGB ×8, in latent space",
    "d": "RGB ×2, ×4, ×8, in latent space",
    "e": "gray ×2, ×4, ×8, in latent space",
}


def restorings(scale):
    """What the table needs restored."""
    return [Restoring(f"table8_{row}", OUT_OF_DOMAIN, scale.config(f"table8_{row}").sampling.steps) for row in WHAT]


def run(runs):
    """Trains, restores and measures the five variants; writes results/table8."""
    folders = {row: runs.restored(f"table8_{row}", OUT_OF_DOMAIN) for row in WHAT}
    measured, protocols, not_available = runs.measured(OUT_OF_DOMAIN, folders, METRICS)
    label = runs.scale.label(OUT_OF_DOMAIN)
    rows = [
        row_of(row, label, metric, measured[row].get(metric), value)
        for row, values in {"blurry": [None, None], **TABLE8}.items()
        for metric, value in zip(METRICS, values)
    ]
    notes = ["; ".join(f"({row}) {what}" for row, what in WHAT.items()) + "."]
    title = "Table 8: settings of the guidance (out-of-domain)"
    write_comparison("table8", title, runs.scale, rows, notes=notes, protocols=protocols, not_available=not_available)
