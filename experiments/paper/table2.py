"""Table 2: with and without guidance, small and large networks; the best LPIPS and PSNR over the grid of sampling settings."""

from icdpm.evaluation import intervals
from icdpm_experiments.paper.comparison import mean_row, row_of, write_comparison
from icdpm_experiments.paper.cost import sweep_of
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.published import TABLE2
from icdpm_experiments.paper.sampling_choice import grid_note
from icdpm_experiments.paper.scales import IN_DOMAIN, OUT_OF_DOMAIN

MODELS = {
    "a": "icDPM-S",
    "b": "icDPM-L",
    "c": "icDPM-S w/ Guide-S",
    "d": "icDPM-S w/ Guide-L",
    "e": "icDPM-L w/ Guide-S",
    "f": "icDPM-L w/ Guide-L",
}
BEST = {"lpips_alex": min, "psnr": max}


def restorings(scale, datasets=(IN_DOMAIN, OUT_OF_DOMAIN)):
    """What the table, or a figure of other test sets, needs restored: every setting by every model."""
    return [sweep_of(f"table2_{row}", scale, dataset) for row in MODELS for dataset in datasets]


def run(runs):
    """Trains the six models and measures them over the grid; writes results/table2."""
    rows, protocols, not_available = [], {}, {}
    for row, published in TABLE2.items():
        for number, dataset in enumerate((IN_DOMAIN, OUT_OF_DOMAIN)):
            swept, protocols, not_available = runs.swept(f"table2_{row}", dataset)
            for (metric, best), value in zip(BEST.items(), published[2 * number :]):
                measured = best(each[metric] for each in swept) if metric in swept[0] else None
                rows.append(row_of(row, runs.scale.label(dataset), f"best {metric}", measured, value))
            gain = runs.best_gain(f"table2_{row}", dataset)
            rows.append(mean_row(row, runs.scale.label(dataset), "best psnr − blurry", gain))
    notes = [
        "; ".join(f"({row}) {model}" for row, model in MODELS.items()) + ".",
        f"Best over the points of the sampling sweep. {grid_note(runs.scale)}",
        f"best psnr − blurry: what the setting with the best PSNR gains, picture by picture, the {intervals.PROTOCOL}.",
    ]
    protocols = {metric: protocols[metric] for metric in BEST if metric in protocols}
    not_available = {metric: not_available[metric] for metric in BEST if metric in not_available}
    title = "Table 2: guidance and size of the networks"
    write_comparison("table2", title, runs.scale, rows, notes=notes, protocols=protocols, not_available=not_available)


EXPERIMENTS = {"table2": Experiment(run, restorings)}
