"""Table 2 and Figures 5 and 7: networks of two sizes, with and without guidance, over the grid of sampling settings.

Table 2 reports the best LPIPS and the best PSNR over the grid. The figures plot perception against distortion for every point.
"""

from __future__ import annotations

import functools
from itertools import zip_longest

import numpy as np
from scipy import stats

from icdpm.errors import IcdpmError
from icdpm.evaluation import intervals
from icdpm.evaluation.intervals import Mean, mean_with_interval
from icdpm.evaluation.measure import measure_image
from icdpm.evaluation.metric_selection import select_metrics
from icdpm_experiments.figures import Panel, write_plot
from icdpm_experiments.measurements.sweep import perception_metric
from icdpm_experiments.paper.comparison import (
    cost_note,
    cost_rows,
    interval_row,
    protocol_lines,
    result_row,
    write_comparison,
    write_experiment,
)
from icdpm_experiments.paper.experiment import Experiment, RequiredRun, required_sweep
from icdpm_experiments.paper.models import ComparedModel, Variant
from icdpm_experiments.paper.published import TABLE2
from icdpm_experiments.paper.scales import IN_DOMAIN, OUT_OF_DOMAIN, grid_note
from icdpm_experiments.results import SCALE_NOTES

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
FURTHER_BEST = {"niqe": min}  # at scales with further columns
DATASETS = {"table2": (IN_DOMAIN, OUT_OF_DOMAIN), "fig5": (OUT_OF_DOMAIN,), "fig7": ("gopro", "hide", "reds")}


def required(scale, name) -> list[RequiredRun]:
    """Lists the required runs of a table or figure in `DATASETS`: every setting by every model."""
    seeds = range(scale.seeds if name == "table2" else 1)
    variants = [str(Variant(variant, seed=seed)) for variant, _ in MODELS.values() for seed in seeds]
    return [required_sweep(variant, scale, dataset) for variant in variants for dataset in DATASETS[name]]


def run_table(runs) -> None:
    """Trains the six models and measures them over the grid; writes results/table2.

    Models with several seeds are measured by the means over them.
    """
    rows, protocols, not_available = [], {}, {}
    variants = {row: runs.seeds_of(variant) for row, (variant, _) in MODELS.items()}
    scale, extended = runs.scale, runs.scale.extended
    best_of = {**BEST, **FURTHER_BEST} if extended else BEST
    for number, dataset in enumerate(DATASETS["table2"]):
        label, gains = scale.label(dataset), {}
        for row, seeds in variants.items():
            points = []
            if seeds:
                points, protocols, not_available = sweep_seeds(runs, seeds, dataset)
                gains[row] = best_gains(runs, seeds, dataset)
            for (metric, best), published in zip_longest(best_of.items(), TABLE2[row][2 * number :][:2]):
                measured = best(each[metric] for each in points) if points and metric in points[0] else None
                rows.append(result_row(row, label, f"best {metric}", measured, published))
            over_images = mean_with_interval(gains[row].mean(axis=0)) if seeds else None
            rows.append(interval_row(row, label, "best psnr − blurry", over_images))
            if extended and row != "a":
                rows.append(difference_row(row, label, "best psnr − (a)", gains.get(row), gains.get("a")))
    notes = [
        "; ".join(f"({row}) {description}" for row, (_, description) in MODELS.items()) + ".",
        f"Best over the points of the sampling sweep. {grid_note(scale)}",
        f"best psnr − blurry: gain of the setting with the best PSNR, image by image, the {intervals.PROTOCOL}.",
    ]
    if scale.seeds > 1:
        counts = ", ".join(f"({row}) {len(seeds)}" for row, seeds in variants.items())
        notes.append(
            f"Means over seeds. Number of seeds: {counts}. The JSON has the intervals over seeds (`seeds_low`, `seeds_high`)."
        )
    notes += runs.untrained_notes({f"({row})": ComparedModel(variant) for row, (variant, _) in MODELS.items()})
    if extended:
        trained = {row: seeds[0] for row, seeds in variants.items() if seeds}
        rows += cost_rows(runs, trained)
        notes.append(cost_note(runs, trained))
    write_comparison(
        "table2",
        "Table 2: guidance and size of the networks",
        runs.scale,
        rows,
        notes=notes,
        protocols={metric: protocols[metric] for metric in best_of if metric in protocols},
        not_available={metric: not_available[metric] for metric in best_of if metric in not_available},
    )


def run_figure(runs, figure) -> None:
    """Measures the six models over the grid; writes results/fig5 or results/fig7.

    Args:
      runs: a `Runs`.
      figure: 'fig5' or 'fig7'.
    """
    rows, panels, protocols, not_available = [], [], {}, {}
    models = {f"({row})": ComparedModel(variant) for row, (variant, _) in MODELS.items()}
    if not runs.usable(models):
        raise IcdpmError("None of the six models of Table 2 is trained. Leave out TRAINED_ONLY to train them.")
    for dataset in DATASETS[figure]:
        label, series = runs.scale.label(dataset), {}
        for row, (variant, description) in MODELS.items():
            if not runs.is_usable(variant):
                continue
            points, protocols, not_available = runs.sweep(variant, dataset)
            rows += [{"row": row, "model": description, "dataset": label, **each} for each in points]
            perception, axis = perception_metric(protocols)
            series[f"({row}) {description}"] = [(each["psnr"], each[perception]) for each in points]
        panels.append(Panel("PSNR in dB (more is better)", axis, series, title=label))
    note = "Each point is one setting of the sampler. The paper plots its points without listing their values."
    path = write_experiment(
        runs.scale,
        figure,
        data=f"measured on {', '.join(runs.scale.label(dataset) for dataset in DATASETS[figure])}",
        rows=rows,
        title=f"Figure {figure.removeprefix('fig')}: perception against distortion",
        notes=[note, *runs.untrained_notes(models), "", *protocol_lines(protocols, not_available)],
        protocols=protocols,
        not_available=not_available,
    )
    image, scale = runs.scale.image_path(figure), runs.scale.name
    title = f"{scale.capitalize()} scale, see {path.name}. Points: settings of the sampler." if scale in SCALE_NOTES else ""
    write_plot(image, panels, title)
    print(f"Written to {path} and {image}.")


def sweep_seeds(runs, variants, dataset) -> tuple[list, dict, dict]:
    """Measures as `Runs.sweep` does, and returns the means over variants that differ in their seeds only."""
    swept = [runs.sweep(variant, dataset) for variant in variants]
    _, protocols, reasons = swept[0]
    points = [
        {**same[0], **{name: float(np.mean([each[name] for each in same])) for name in protocols}}
        for same in zip(*(points for points, _, _ in swept))
    ]
    return points, protocols, reasons


def best_gains(runs, variants, dataset) -> np.ndarray:
    """Returns gains in dB over the blurry images with the setting of the best mean PSNR, float64 [variants, images].

    Args:
      runs: a `Runs`.
      variants: variants that differ in their seeds only. The setting is the same for all of them.
      dataset: name of the test set.
    """
    swept = [runs.sweep_images(variant, dataset)[0] for variant in variants]
    pairs, psnr = runs.scale.test_pairs(dataset), select_metrics(["psnr"], runs.scale.alignment(dataset)).image_metrics
    blurry = [next(iter(measure_image(psnr, *pairs.load(index))[0].values())) for index in range(len(pairs))]
    values = np.array([[[image["psnr"] for image in of_each] for of_each in of_variant] for of_variant in swept])
    gains = values - blurry  # [variants, settings, images]
    return gains[:, gains.mean(axis=(0, 2)).argmax()]


def difference_row(row, label, metric, gains, others) -> dict:
    """Returns the row of a difference between two models, with its intervals over images and over seeds.

    Args:
      row, label, metric: arguments of `result_row`.
      gains, others: float64 [seeds, images] of the two models, or None. Only seeds that both have count.
    """
    if gains is None or others is None:
        return {**interval_row(row, label, metric, None), "seeds": 0, "seeds_low": None, "seeds_high": None}
    count = min(len(gains), len(others))
    differences = gains[:count] - others[:count]
    _, low, high = mean_over_seeds(differences.mean(axis=1))
    over_images = mean_with_interval(differences.mean(axis=0))
    return {**interval_row(row, label, metric, over_images), "seeds": count, "seeds_low": low, "seeds_high": high}


def mean_over_seeds(values) -> Mean:
    """Returns the mean of one number per seed with its 95 % interval by Student's t; without the interval for one seed."""
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return Mean(float(values.mean()), None, None)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Mean(float(values.mean()), float(values.mean() - half), float(values.mean() + half))


EXPERIMENTS = {
    "table2": Experiment(run_table, functools.partial(required, name="table2"), partial=True),
    **{
        figure: Experiment(functools.partial(run_figure, figure=figure), functools.partial(required, name=figure), partial=True)
        for figure in ("fig5", "fig7")
    },
}
