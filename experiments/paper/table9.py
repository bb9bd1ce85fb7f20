"""Table 9: the denoiser with and without the blurry image as its input, in-domain and out-of-domain."""

from icdpm_experiments.paper.comparison import differences_note, mean_row, one_setting_note, row_of, write_comparison
from icdpm_experiments.paper.cost import restorings_by
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.models import Model
from icdpm_experiments.paper.published import TABLE9
from icdpm_experiments.paper.scales import IN_DOMAIN, OUT_OF_DOMAIN

METRICS = ("psnr", "lpips_alex")
WITHOUT = "w/o input concatenation"
MODELS = {WITHOUT: Model("table9_without_concatenation"), "w/ concatenation": Model("table8_d")}
COMPARED_WITH = ("blurry", WITHOUT)


def restorings(scale):
    """What the table needs restored."""
    return restorings_by(MODELS.values(), scale, [IN_DOMAIN, OUT_OF_DOMAIN])


def run(runs):
    """Trains, restores and measures the two variants; writes results/table9."""
    rows, protocols, not_available = [], {}, {}
    for number, dataset in enumerate((IN_DOMAIN, OUT_OF_DOMAIN)):
        folders = {row: runs.restored(model, dataset) for row, model in MODELS.items()}
        measured, protocols, not_available = runs.measured(dataset, folders, METRICS)
        for row in ("blurry", *MODELS):
            values = TABLE9.get(row, [None] * 4)[2 * number :]
            for metric, value in zip(METRICS, values):
                rows.append(row_of(row, runs.scale.label(dataset), metric, measured[row].get(metric), value))
        for other in COMPARED_WITH:
            differences = runs.differences(dataset, folders, "psnr", other)
            rows += [mean_row(row, runs.scale.label(dataset), f"psnr − {other}", differences.get(row)) for row in MODELS]
    notes = [
        differences_note(COMPARED_WITH),
        f"{one_setting_note(MODELS.values(), runs.scale)} The paper's setting is that of Table 8: the out-of-domain values of "
        "'w/ concatenation' are those of Table 8 (d).",
    ]
    if runs.config("table8_d").diffusion.parametrisation != "noise":
        notes.append("At this scale the denoiser sees the blurry image without concatenation too, through its parametrisation.")
    title = "Table 9: with and without the blurry image as input"
    write_comparison("table9", title, runs.scale, rows, notes=notes, protocols=protocols, not_available=not_available)


EXPERIMENTS = {"table9": Experiment(run, restorings)}
