"""The page results/small.md: the paper's two claims at the scale small.

(i) Guidance helps, and more outside of the training's domain than in it. (ii) A larger network without guidance overfits the
domain, and guidance mends this. All images are restored with the setting of the configs, one evaluation, unless stated
otherwise. The sentences follow from the measured intervals.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.evaluation import intervals
from icdpm.evaluation.intervals import mean_with_interval
from icdpm.evaluation.pairing import BLURRY
from icdpm_experiments.figures import Panel, write_plot
from icdpm_experiments.measurements.sweep import perception_metric
from icdpm_experiments.paper.comparison import (
    COST,
    comparison_table,
    cost_note,
    cost_rows,
    interval_row,
    protocol_lines,
    result_row,
)
from icdpm_experiments.paper.experiment import Experiment, RequiredRun, required_sweep
from icdpm_experiments.paper.models import ComparedModel, Variant
from icdpm_experiments.paper.scales import IN_DOMAIN
from icdpm_experiments.paper.small_answers import EQUAL_COMPUTE, GUIDED, OUTSIDE, SIZES, answer_guidance, answer_size
from icdpm_experiments.paper.small_images import show_images
from icdpm_experiments.paper.table2 import MODELS, difference_row, sweep_seeds
from icdpm_experiments.results import make_command, write_results

# {test set: why it is not measured}.
_VARIABLES = {
    "realblur_j": "KERNELS was not given.",
    "hide": "PAIRS='gopro=…' was not given.",
    "reds": "PAIRS='reds=…' was not given.",
}
METRICS = ("psnr", "ssim", "niqe", "lpips_alex", "fid", "kid")


def required(scale) -> list[RequiredRun]:
    """Lists the required runs: Table 2 with all seeds, without the longer trainings for equal compute."""
    variants = [str(Variant(variant, seed=seed)) for variant, _ in MODELS.values() for seed in range(scale.seeds)]
    return [required_sweep(variant, scale, dataset) for variant in variants for dataset in scale.available_sets()]


def equal_compute_variant(runs, guided, unguided) -> Variant:
    """Returns the unguided variant whose training takes the FLOPs of the guided one, to a hundred steps."""
    guided, unguided = MODELS[guided][0], MODELS[unguided][0]
    ratio = runs.step_flops(guided) / runs.step_flops(unguided)
    return Variant(unguided, round(runs.config(guided).run.steps * ratio / 100) * 100)


class MeasuredSet(NamedTuple):
    """A test set restored by all variants with one evaluation, and its measured values.

    Attributes:
      rows: rows of the table, `comparison.result_row`.
      folders: {'ROW SEED': folder of restored images}.
      psnr, detail, color_drift: {'blurry' or 'ROW SEED': float64 [images]}.
      gains: {row: gains in PSNR over the blurry input in dB, float64 [seeds, images]}.
      protocols: {metric: protocol}.
      reasons: {metric: reason why it is not available}.
    """

    rows: list[dict]
    folders: dict
    psnr: dict
    detail: dict
    color_drift: dict
    gains: dict
    protocols: dict
    reasons: dict


def run(runs) -> None:
    """Measures the models of Table 2 on all test sets; writes results/small.md, .json, a plot and strips of images."""
    variants = {row: runs.seeds_of(variant) for row, (variant, _) in MODELS.items()}
    variants = {row: seeds for row, seeds in variants.items() if seeds}
    if not variants:
        raise IcdpmError("None of the six models of Table 2 is trained. Leave out TRAINED_ONLY to train them.")
    longer = _longer_variants(runs, variants)
    datasets = runs.scale.available_sets()
    measured = {dataset: _measure(runs, dataset, {**variants, **longer}) for dataset in datasets}
    rows = [row for each in measured.values() for row in each.rows]
    gains = {dataset: each.gains for dataset, each in measured.items()}
    gains[OUTSIDE] = _join_outside(gains, datasets)
    differences = _differences(runs, gains, datasets)
    first_seeds = {f"({row})": seeds[0] for row, seeds in variants.items()}
    costs = cost_rows(runs, first_seeds)
    plot = runs.scale.image_path("pd")
    _plot(runs, plot, variants, datasets)
    images, image_records = show_images(runs, measured, runs.scale.image_path("images").with_suffix(""))
    sections = [
        "## One evaluation, means over images and seeds",
        "",
        *_set_tables(rows),
        f"**{COST}**",
        "",
        *comparison_table(costs),
        "",
        "; ".join(f"({row}) {description}" for row, (_, description) in MODELS.items()) + ".",
        *runs.untrained_notes({f"({row})": ComparedModel(variant) for row, (variant, _) in MODELS.items()}),
        f"Number of seeds: {', '.join(f'({row}) {len(seeds)}' for row, seeds in variants.items())}.",
        cost_note(runs, first_seeds),
        "",
        "## Does guidance help, and more outside of the domain than in it?",
        "",
        *_difference_table([each for each in differences if each["question"] in ("guidance", "equal compute")]),
        "",
        *answer_guidance(gains, differences),
        *_compute_notes(runs, variants, longer),
        "",
        "## Does a larger network without guidance overfit the domain, and does guidance mend it?",
        "",
        *_difference_table([each for each in differences if each["question"] == "size"]),
        "",
        *answer_size(differences),
        "",
        f"Differences of PSNR in dB, image by image: the {intervals.PROTOCOL}, after a mean over the seeds that both models "
        "have. Seeds: the 95 % interval over the seeds by Student's t.",
        "",
        "## Perception against distortion",
        "",
        f"![perception against distortion on each test set]({plot.name})",
        "",
        *images,
        "",
        "## Test sets",
        "",
        *(f"- {runs.scale.label(dataset)}: {', '.join(runs.scale.test_pairs(dataset).names)}" for dataset in datasets),
        *(f"- {name}: not measured, {why}" for name, why in _VARIABLES.items() if name not in datasets),
    ]
    last = measured[datasets[-1]]
    path = write_results(
        "small",
        folder=runs.scale.results_folder,
        command=make_command("bench-small-page", SCALE=runs.scale.name, **runs.scale.make_variables),
        data=f"measured on {', '.join(runs.scale.label(dataset) for dataset in datasets)}",
        scale=runs.scale.name,
        rows=[*rows, *costs],
        title="The paper's claims at small scale",
        table=sections,
        notes=protocol_lines(last.protocols, last.reasons),
        differences=differences,
        images=image_records,
        protocols=last.protocols,
        not_available=last.reasons,
        **runs.scale.record(),
    )
    print(f"Written to {path} and {plot}.")


# Measuring.


def _longer_variants(runs, variants):
    """Returns {name of a row: [usable unguided variant with the compute of a guided row]}."""
    found = {}
    for guided, unguided in EQUAL_COMPUTE.items():
        if guided in variants and unguided in variants:
            variant = str(equal_compute_variant(runs, guided, unguided))
            if runs.is_usable(variant):
                found[_longer_name(guided, unguided)] = [variant]
    return found


def _longer_name(guided, unguided):
    return f"{unguided}, compute of ({guided})"


def _measure(runs, dataset, variants) -> MeasuredSet:
    """Restores and measures a test set by {row: variant of each seed}."""
    folders = {
        f"{row} {number}": runs.restore(ComparedModel(variant), dataset)
        for row, seeds in variants.items()
        for number, variant in enumerate(seeds)
    }
    label, rows, gains = runs.scale.label(dataset), [], {}
    means, protocols, reasons = runs.measure(dataset, folders, METRICS)
    further = runs.measure_color_and_detail(dataset, folders)
    psnr = runs.measure_images(dataset, folders, "psnr")
    for row in (BLURRY, *variants):
        same = [BLURRY] if row == BLURRY else [f"{row} {number}" for number in range(len(variants[row]))]
        name = row if row == BLURRY else f"({row})"
        for metric in METRICS:
            values = [means[each][metric] for each in same if metric in means[each]]
            rows.append(result_row(name, label, metric, float(np.mean(values)) if values else None, None))
        for metric in ("detail", "color drift"):
            rows.append(result_row(name, label, metric, float(np.mean([further[each][metric] for each in same])), None))
        if row != BLURRY:
            gains[row] = np.array([psnr[each] - psnr[BLURRY] for each in same])
            rows.append(interval_row(name, label, "psnr − blurry", mean_with_interval(gains[row].mean(axis=0))))
    detail, color_drift = ({row: each[name] for row, each in further.items()} for name in ("detail", "color drift"))
    return MeasuredSet(rows, folders, psnr, detail, color_drift, gains, protocols, reasons)


def _join_outside(gains, datasets):
    """Joins the gains of all test sets but the training's domain: {row: float64 [seeds, images]}."""
    outside = [gains[dataset] for dataset in datasets if dataset != IN_DOMAIN]
    return {row: np.concatenate([each[row] for each in outside], axis=1) for row in outside[0]} if outside else {}


def _differences(runs, gains, datasets):
    """Returns the rows of all differences: those of `table2.difference_row` with 'question' and 'set'."""
    found = []
    for dataset in (IN_DOMAIN, *(each for each in datasets if each != IN_DOMAIN), OUTSIDE):
        label = dataset if dataset == OUTSIDE else runs.scale.label(dataset)
        of_set = gains[dataset]
        pairs = [("guidance", f"({row}) − ({other})", row, other) for row, other in GUIDED.items()]
        pairs += [
            ("equal compute", f"({row}) − ({other}) of equal compute", row, _longer_name(row, other))
            for row, other in EQUAL_COMPUTE.items()
        ]
        pairs += [("size", f"({row}) − ({other})", row, other) for row, other in SIZES.items()]
        pairs += [("size", f"({row}) − ({other})", row, other) for row, other in GUIDED.items() if other in SIZES]
        for question, name, row, other in pairs:
            if row in of_set and other in of_set:
                found.append(
                    {"question": question, "set": dataset, **difference_row(name, label, "psnr", of_set[row], of_set[other])}
                )
    return found


def _compute_notes(runs, variants, longer):
    notes = []
    for guided, unguided in EQUAL_COMPUTE.items():
        if guided not in variants or unguided not in variants:
            continue
        variant = equal_compute_variant(runs, guided, unguided)
        name = _longer_name(guided, unguided)
        state = "" if name in longer else f" It is not trained yet (runs/{runs.scale.name}/{variant})."
        notes.append(
            f"Equal compute of ({guided}) and ({unguided}): ({unguided}) is trained for {variant.steps:,} steps instead of "
            f"{runs.training_steps(MODELS[guided][0]):,}, by the FLOPs of a step.{state}"
        )
    return ["", *notes] if notes else []


def _difference_table(differences):
    """Returns lines of a Markdown table: a line for each difference, a column for each test set."""
    if not differences:
        return ["Not measured yet."]
    labels = list(dict.fromkeys(each["dataset"] for each in differences))
    lines = ["| | " + " | ".join(labels) + " |", "|" + "---|" * (len(labels) + 1)]
    for row in dict.fromkeys(each["row"] for each in differences):
        cells = {each["dataset"]: each for each in differences if each["row"] == row}
        lines.append(f"| {row} | " + " | ".join(_difference_cell(cells.get(label)) for label in labels) + " |")
    return lines


def _difference_cell(difference):
    if difference is None:
        return "–"
    text = f"{difference['value']:+.3f}"
    if difference["low"] is not None:
        text += f" [{difference['low']:+.3f}, {difference['high']:+.3f}]"
    if difference["seeds_low"] is not None:
        text += f"; {difference['seeds']} seeds [{difference['seeds_low']:+.3f}, {difference['seeds_high']:+.3f}]"
    return text


def _set_tables(rows):
    """Returns lines of Markdown: a heading and a table for each test set."""
    lines = []
    for label in dict.fromkeys(row["dataset"] for row in rows):
        lines += [f"**{label}**", "", *comparison_table([row for row in rows if row["dataset"] == label]), ""]
    return lines


def _plot(runs, path, variants, datasets):
    """Plots perception against distortion, a panel for each test set, over the sampling grid."""
    panels = []
    for dataset in datasets:
        series, axis = {}, ""
        for row, seeds in variants.items():
            points, protocols, _ = sweep_seeds(runs, seeds, dataset)
            perception, axis = perception_metric(protocols)
            series[f"({row}) {MODELS[row][1]}"] = [(each["psnr"], each[perception]) for each in points]
        panels.append(Panel("PSNR in dB (more is better)", axis, series, title=runs.scale.label(dataset)))
    write_plot(path, panels, title="Points: 1, 2, 4 and 8 evaluations, means over seeds.")


EXPERIMENTS = {"small-page": Experiment(run, required, partial=True)}
SMALL_ONLY = tuple(EXPERIMENTS)
