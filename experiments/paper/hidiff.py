"""HI-Diff on GoPro, HIDE and RealBlur: trained on GoPro, and on RealBlur itself, beside what is published of it and of others.

Another method's row is measured where a folder of its restored pictures is given, which holds a folder for each set:
gopro/, hide/, realblur_j/, realblur_r/, or some of them. Beside the published values of methods trained on RealBlur it is
named as these are, as in --restored='MPRNet, trained on RealBlur=DIR'.
"""

from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.evaluation.metric_selection import ALIGNED_METRICS
from icdpm_experiments.paper.comparison import row_of, write_comparison
from icdpm_experiments.paper.cost import restorings_by
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.models import Model
from icdpm_experiments.paper.published_hidiff import (
    GOPRO_SETS,
    REALBLUR_SETS,
    SSIM,
    TRAINED_ON_GOPRO,
    TRAINED_ON_REALBLUR,
)
from icdpm_experiments.paper.runs import beside_others

REALBLUR = "{}, trained on RealBlur"
GOPRO_MODEL = Model("hidiff_gopro")
REALBLUR_MODELS = {"realblur_j": Model("hidiff_realblur"), "realblur_r": Model("hidiff_realblur_r")}
PUBLISHED = {name: dict(zip(GOPRO_SETS, values)) for name, values in TRAINED_ON_GOPRO.items()} | {
    REALBLUR.format(name): dict(zip(REALBLUR_SETS, values)) for name, values in TRAINED_ON_REALBLUR.items()
}


def models(dataset):
    """{row: Model} of those that restore a set."""
    own = {"HI-Diff": GOPRO_MODEL}
    if dataset in REALBLUR_MODELS:
        own[REALBLUR.format("HI-Diff")] = REALBLUR_MODELS[dataset]
    return own


def columns(scale, dataset) -> dict[str, str]:
    """Returns {metric: heading of its column} of a test set, in the order of the published values.

    The heading names the protocol: `ssim_matlab_rgb`, or `psnr_ecc` and `ssim_ecc` where the scale aligns the pictures.
    """
    metrics = ("psnr", SSIM[dataset])
    if scale.alignment(dataset) == "none":
        return dict(zip(metrics, metrics))
    return {metric: ALIGNED_METRICS[metric][0] for metric in metrics}


def restorings(scale):
    """What the table needs restored."""
    return [need for dataset in GOPRO_SETS for need in restorings_by(models(dataset).values(), scale, [dataset])]


def run(runs, restored):
    """Restores and measures; writes results/hidiff.

    Args:
      runs: a `Runs`.
      restored: {name of another method, as the paper has it or not: folder of folders of its restored pictures}.
    """
    restored = {name: Path(folder) for name, folder in restored.items()}
    for name, folder in restored.items():
        if not any((folder / dataset).is_dir() for dataset in GOPRO_SETS):
            raise IcdpmError(f"{folder} holds none of {', '.join(GOPRO_SETS)}: the folder of {name} needs one for each set")
    rows, protocols, not_available = [], {}, {}
    for dataset in GOPRO_SETS:
        own = {row: runs.restored(model, dataset) for row, model in models(dataset).items()}
        given = {name: folder / dataset for name, folder in restored.items() if (folder / dataset).is_dir()}
        headings = columns(runs.scale, dataset)
        measured, its_protocols, its_reasons = runs.measured(dataset, beside_others(own, given), list(headings))
        protocols |= {f"{headings[metric]}, {dataset}": protocol for metric, protocol in its_protocols.items()}
        not_available |= {f"{headings[metric]}, {dataset}": reason for metric, reason in its_reasons.items()}
        for name in dict.fromkeys(["blurry", *restored, *PUBLISHED]):
            published = PUBLISHED.get(name, {}).get(dataset) or (None, None)
            values = [measured.get(name, {}).get(metric) for metric in headings]
            rows += [row_of(name, runs.scale.label(dataset), *cell) for cell in zip(headings.values(), values, published)]
    write_comparison(
        "hidiff",
        "HI-Diff: trained on GoPro, and on RealBlur",
        runs.scale,
        rows,
        notes=[
            "Rows 'trained on RealBlur': RealBlur-J's model was trained on RealBlur-J, RealBlur-R's on RealBlur-R.",
            "HI-Diff's published SSIM, by its evaluation scripts: on GoPro and HIDE MATLAB's ssim of the RGB array, on "
            "RealBlur-R and RealBlur-J that of the official protocol, masked, after alignment. The protocols of the other "
            "published rows are not stated.",
            *_stand_in_notes(runs.scale),
        ],
        protocols=protocols,
        not_available=not_available,
    )


def _stand_in_notes(scale):
    if any(scale.alignment(dataset) != "none" for dataset in REALBLUR_SETS):
        return []
    return ["At this scale the pictures in place of RealBlur's need no alignment: their SSIM is per channel, without a mask."]


EXPERIMENTS = {"hidiff": Experiment(run, restorings, ("restored",))}
