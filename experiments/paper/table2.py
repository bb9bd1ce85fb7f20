"""Table 2 and Figures 5 and 7: networks of two sizes, with and without guidance, over the grid of sampling settings.

Table 2 reports the best LPIPS and the best PSNR over the grid. The figures plot perception against distortion for every point.
"""

from __future__ import annotations

import functools

from icdpm.evaluation import intervals
from icdpm_experiments.figures import Panel, write_plot
from icdpm_experiments.paper.comparison import interval_row, protocol_lines, result_row, write_comparison
from icdpm_experiments.paper.experiment import Experiment, RequiredRun, required_sweep
from icdpm_experiments.paper.published import TABLE2
from icdpm_experiments.paper.sampling_settings import grid_note
from icdpm_experiments.paper.scales import IN_DOMAIN, OUT_OF_DOMAIN
from icdpm_experiments.results import RESULTS_FOLDER, SCALE_NOTES, make_command, write_results
from icdpm_experiments.sweeping.sweep import perception_metric

# {row: (variant, description)}.
MODELS = {
    "a": ("table2_a", "icDPM-S"),
    "b": ("table2_b", "icDPM-L"),
    "c": ("table2_c", "icDPM-S w/ Guide-S"),
    "d": ("table2_d", "icDPM-S w/ Guide-L"),
    "e": ("table2_e", "icDPM-L w/ Guide-S"),
    "f": ("table2_f", "icDPM-L w/ Guide-L"),
}
BEST = {"lpips_alex": min, "psnr": max}
DATASETS = {"table2": (IN_DOMAIN, OUT_OF_DOMAIN), "fig5": (OUT_OF_DOMAIN,), "fig7": ("gopro", "hide", "reds")}


def required(scale, name) -> list[RequiredRun]:
    """Lists the required runs of a table or figure in `DATASETS`: every setting by every model."""
    return [required_sweep(variant, scale, dataset) for variant, _ in MODELS.values() for dataset in DATASETS[name]]


def run_table(runs) -> None:
    """Trains the six models and measures them over the grid; writes results/table2."""
    rows, protocols, not_available = [], {}, {}
    for row, (variant, _) in MODELS.items():
        for number, dataset in enumerate(DATASETS["table2"]):
            label = runs.scale.label(dataset)
            points, protocols, not_available = runs.sweep(variant, dataset)
            for (metric, best), published in zip(BEST.items(), TABLE2[row][2 * number :]):
                measured = best(each[metric] for each in points) if metric in points[0] else None
                rows.append(result_row(row, label, f"best {metric}", measured, published))
            rows.append(interval_row(row, label, "best psnr − blurry", runs.measure_best_gain(variant, dataset)))
    write_comparison(
        "table2",
        "Table 2: guidance and size of the networks",
        runs.scale,
        rows,
        notes=[
            "; ".join(f"({row}) {description}" for row, (_, description) in MODELS.items()) + ".",
            f"Best over the points of the sampling sweep. {grid_note(runs.scale)}",
            f"best psnr − blurry: gain of the setting with the best PSNR, image by image, the {intervals.PROTOCOL}.",
        ],
        protocols={metric: protocols[metric] for metric in BEST if metric in protocols},
        not_available={metric: not_available[metric] for metric in BEST if metric in not_available},
    )


def run_figure(runs, figure) -> None:
    """Measures the six models over the grid; writes results/fig5 or results/fig7.

    Args:
      runs: a `Runs`.
      figure: 'fig5' or 'fig7'.
    """
    rows, panels, protocols, not_available = [], [], {}, {}
    for dataset in DATASETS[figure]:
        label, series = runs.scale.label(dataset), {}
        for row, (variant, description) in MODELS.items():
            points, protocols, not_available = runs.sweep(variant, dataset)
            rows += [{"row": row, "model": description, "dataset": label, **each} for each in points]
            perception, axis = perception_metric(protocols)
            series[f"({row}) {description}"] = [(each["psnr"], each[perception]) for each in points]
        panels.append(Panel("PSNR in dB (more is better)", axis, series, title=label))
    note = "Each point is one setting of the sampler. The paper plots its points without listing their values."
    path = write_results(
        figure,
        command=make_command(f"bench-{figure}", SCALE=runs.scale.name, **runs.scale.make_variables),
        data=f"measured on {', '.join(runs.scale.label(dataset) for dataset in DATASETS[figure])}",
        scale=runs.scale.name,
        rows=rows,
        title=f"Figure {figure.removeprefix('fig')}: perception against distortion",
        notes=[note, "", *protocol_lines(protocols, not_available)],
        protocols=protocols,
        not_available=not_available,
    )
    image = RESULTS_FOLDER / f"{figure}.png"
    write_plot(image, panels, title=SCALE_NOTES.get(runs.scale.name, "").replace(". ", ".\n"))
    print(f"Written to {path} and {image}.")


EXPERIMENTS = {
    "table2": Experiment(run_table, functools.partial(required, name="table2")),
    **{
        figure: Experiment(functools.partial(run_figure, figure=figure), functools.partial(required, name=figure))
        for figure in ("fig5", "fig7")
    },
}
