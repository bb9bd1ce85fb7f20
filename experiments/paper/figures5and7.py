"""Figures 5 and 7: perception against distortion of Table 2's models, over the grid of sampling settings."""

import functools

from icdpm_experiments.figures import Panel, write_plot
from icdpm_experiments.paper import table2
from icdpm_experiments.paper.comparison import protocol_lines
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.scales import OUT_OF_DOMAIN
from icdpm_experiments.results import RESULTS_FOLDER, SCALE_NOTES, write_results
from icdpm_experiments.sweeping.sweep import perception_metric

TEST_SETS = {"fig5": (OUT_OF_DOMAIN,), "fig7": ("gopro", "hide", "reds")}


def restorings(scale, figure):
    """What the figure needs restored."""
    return table2.restorings(scale, TEST_SETS[figure])


def run(runs, figure):
    """Measures the six models over the grid; writes results/fig5 or results/fig7.

    Args:
      runs: a `Runs`.
      figure: of `TEST_SETS`.
    """
    rows, panels, protocols, not_available = [], [], {}, {}
    for dataset in TEST_SETS[figure]:
        label, series = runs.scale.label(dataset), {}
        for row, model in table2.MODELS.items():
            swept, protocols, not_available = runs.swept(f"table2_{row}", dataset)
            rows += [{"row": row, "model": model, "dataset": label, **each} for each in swept]
            perception, axis = perception_metric(protocols)
            series[f"({row}) {model}"] = [(each["psnr"], each[perception]) for each in swept]
        panels.append(Panel("PSNR in dB (more is better)", axis, series, title=label))
    title = f"Figure {figure.removeprefix('fig')}: perception against distortion"
    note = "A point is one setting of the sampler. The paper draws its points and lists none, so none stand beside."
    path = write_results(
        figure,
        command=f"make bench-{figure} SCALE={runs.scale.name}",
        data=f"measured on {', '.join(runs.scale.label(dataset) for dataset in TEST_SETS[figure])}",
        scale=runs.scale.name,
        rows=rows,
        title=title,
        notes=[note, "", *protocol_lines(protocols, not_available)],
        protocols=protocols,
        not_available=not_available,
    )
    picture = RESULTS_FOLDER / f"{figure}.png"
    write_plot(picture, panels, title=SCALE_NOTES.get(runs.scale.name, "").replace(". ", ".\n"))
    print(f"written to {path} and {picture}")


EXPERIMENTS = {
    figure: Experiment(functools.partial(run, figure=figure), functools.partial(restorings, figure=figure))
    for figure in TEST_SETS
}
