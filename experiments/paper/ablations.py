"""Ablations: Tables 8 and 9 of the icDPM paper and the ablation of HI-Diff.

All rows of an ablation use one sampling setting, that of their configs. The parameters and multiply-adds of HI-Diff's ablation
are measured by `model_sizes`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

from icdpm_experiments.paper.comparison import (
    FURTHER_METRICS,
    differences_note,
    extend_table,
    interval_row,
    result_row,
    write_comparison,
)
from icdpm_experiments.paper.experiment import Experiment, RequiredRun, required_runs
from icdpm_experiments.paper.models import ComparedModel
from icdpm_experiments.paper.published import HIDIFF_ABLATION, TABLE2, TABLE8, TABLE9
from icdpm_experiments.paper.scales import IN_DOMAIN, OUT_OF_DOMAIN


class Ablation(NamedTuple):
    """A table of variants that share one sampling setting.

    Attributes:
      title: heading of the table.
      models: {row: ComparedModel}.
      datasets: names of the test sets.
      metrics: names of the metrics.
      published: {row: values of all metrics of the first set, then of the next}.
      baseline: row that the others are compared with, image by image.
      setting_note: sentence about the paper's sampling setting, or "" if the models do not sample.
      notes: further sentences.
    """

    title: str
    models: Mapping[str, ComparedModel]
    datasets: tuple[str, ...]
    metrics: tuple[str, ...]
    published: Mapping[str, tuple[float, ...]]
    baseline: str
    setting_note: str = ""
    notes: tuple[str, ...] = ()


TABLE8_DESCRIPTIONS = {
    "a": "no guidance",
    "b": "RGB ×8 regression, as input",
    "c": "RGB ×8, in latent space",
    "d": "RGB ×2, ×4, ×8, in latent space",
    "e": "gray ×2, ×4, ×8, in latent space",
}
WITHOUT_CONCATENATION = "w/o input concatenation"


def published_note() -> str:
    """Returns the sentences about how the published Table 8 (e) and (a) relate to Table 2 (c) and (a)."""
    (lpips_e, psnr_e), (lpips_a, psnr_a) = TABLE8["e"], TABLE8["a"]
    (best_lpips_c, best_psnr_c), (best_lpips_a, best_psnr_a) = TABLE2["c"][2:], TABLE2["a"][2:]
    return (
        "(e) is the model of Table 2 (c), by the paper's text (§4.6) and here, but its published values differ: "
        f"LPIPS {lpips_e:.3f} and PSNR {psnr_e:.2f} are both better than the best of Table 2 (c) on the same set, "
        f"{best_lpips_c:.3f} and {best_psnr_c:.3f}, so no point of that sweep gives either. Row (a) agrees with "
        f"Table 2 (a): {lpips_a:.3f} and {psnr_a:.2f}, whose best are {best_lpips_a:.3f} and {best_psnr_a:.3f}."
    )


ABLATIONS = {
    "table8": Ablation(
        title="Table 8: settings of the guidance (out-of-domain)",
        models={row: ComparedModel(f"table8_{row}") for row in TABLE8_DESCRIPTIONS},
        datasets=(OUT_OF_DOMAIN,),
        metrics=("lpips_alex", "psnr"),
        published=TABLE8,
        baseline="a",
        setting_note="The paper also uses one setting for all rows (§4.6), without stating which.",
        notes=(
            "; ".join(f"({row}) {description}" for row, description in TABLE8_DESCRIPTIONS.items()) + ".",
            published_note(),
        ),
    ),
    "table9": Ablation(
        title="Table 9: with and without the blurry image as input",
        models={
            WITHOUT_CONCATENATION: ComparedModel("table9_without_concatenation"),
            "w/ concatenation": ComparedModel("table8_d"),
        },
        datasets=(IN_DOMAIN, OUT_OF_DOMAIN),
        metrics=("psnr", "lpips_alex"),
        published=TABLE9,
        baseline=WITHOUT_CONCATENATION,
        setting_note="The paper's setting is that of Table 8: the out-of-domain values of 'w/ concatenation' are those of "
        "Table 8 (d).",
    ),
    "hidiff-ablation": Ablation(
        title="HI-Diff: ablation on GoPro",
        models={
            "Baseline": ComparedModel("hidiff_ablation_baseline"),
            "Single-Guide": ComparedModel("hidiff_ablation_single"),
            "Split-Training": ComparedModel("hidiff_ablation_split"),
            "HI-Diff": ComparedModel("hidiff_ablation_full"),
        },
        datasets=(IN_DOMAIN,),
        metrics=("psnr", "ssim_matlab_rgb"),  # the published script measures MATLAB's `ssim` of the RGB array
        published={row: values[2:] for row, values in HIDIFF_ABLATION.items()},
        baseline="Baseline",
        notes=(
            "Baseline: no prior. Single-Guide: one prior at every scale. Split-Training: the second stage trains the diffusion "
            "alone, and the transformer keeps the weights of the first. HI-Diff: priors of three scales, trained jointly.",
            "The published HI-Diff-2 has the parameters and FLOPs of this table's HI-Diff, and 33.28 dB instead of 32.24 dB. "
            "The published ablation differs from the published models in its training, which the slides do not describe. These "
            "configs have the recipe of the published models.",
        ),
    ),
}


def required(scale, name) -> list[RequiredRun]:
    """Lists the required runs of an ablation."""
    ablation = ABLATIONS[name]
    return required_runs(ablation.models.values(), scale, ablation.datasets)


def run(runs, name) -> None:
    """Trains, restores and measures the variants of an ablation; writes results/NAME.

    Args:
      runs: a `Runs`.
      name: a key of `ABLATIONS`.
    """
    ablation, scale = ABLATIONS[name], runs.scale
    models = runs.usable(ablation.models)
    compared_with = ("blurry", *([ablation.baseline] if ablation.baseline in models else []))
    rows, protocols, not_available, extension_notes = [], {}, {}, []
    for number, dataset in enumerate(ablation.datasets):
        label, metrics = scale.label(dataset), (*ablation.metrics, *(FURTHER_METRICS if scale.extended else ()))
        folders = {row: runs.restore(model, dataset) for row, model in models.items()}
        measured, protocols, not_available = runs.measure(dataset, folders, metrics)
        for row in ("blurry", *ablation.models):
            values = list(ablation.published.get(row, ())[len(ablation.metrics) * number :][: len(ablation.metrics)])
            values += [None] * (len(metrics) - len(values))
            measured_row = measured.get(row, {})
            rows += [result_row(row, label, *each) for each in zip(metrics, map(measured_row.get, metrics), values)]
        for other in compared_with:
            differences = runs.measure_differences(dataset, folders, "psnr", other)
            rows += [interval_row(row, label, f"psnr − {other}", differences.get(row)) for row in ablation.models]
        cost = dataset == ablation.datasets[-1]
        extension, extension_notes = extend_table(runs, dataset, models, folders, (), cost=cost)
        rows += extension
    notes = [*ablation.notes, differences_note(compared_with), *runs.untrained_notes(ablation.models), *extension_notes]
    if ablation.setting_note:
        notes.append(f"{shared_setting_note(ablation.models.values(), scale)} {ablation.setting_note}")
    if name == "table9" and scale.config("table8_d").diffusion.parametrisation != "noise":
        notes.append("At this scale the parametrization shows the denoiser the blurry image without concatenation too.")
    write_comparison(name, ablation.title, scale, rows, notes=notes, protocols=protocols, not_available=not_available)


def shared_setting_note(models, scale) -> str:
    """Returns a sentence that names the sampling setting that all rows of an ablation share.

    Args:
      models: iterable of `models.ComparedModel`.
      scale: a scale of `scales`.

    Raises:
      ValueError: the configs of the rows have different sampling settings, so that the rows cannot be compared.
    """
    settings = {model.settings(scale) for model in models}
    if len(settings) > 1:
        listed = "; ".join(sorted(map(str, settings)))
        raise ValueError(f"The rows of an ablation must share one sampling setting. Received: {listed}.")
    (setting,) = settings
    return f"All rows: one sample at one fixed sampling setting, that of the configs ({setting}); no sweep selects it."


EXPERIMENTS = {
    name: Experiment(functools.partial(run, name=name), functools.partial(required, name=name), partial=True)
    for name in ABLATIONS
}
