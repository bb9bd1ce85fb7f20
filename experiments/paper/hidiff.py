"""HI-Diff on GoPro, HIDE and RealBlur: trained on GoPro, and on RealBlur itself, beside what is published of it and of others.

Another method's row is measured where a folder of its restored pictures is given, which holds a folder for each set:
gopro/, hide/, realblur_j/, realblur_r/, or some of them. Beside the published values of methods trained on RealBlur it is
named as these are, as in --restored='MPRNet, trained on RealBlur=DIR'.
"""

from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm_experiments.paper.comparison import row_of, write_comparison
from icdpm_experiments.paper.cost import restorings_by
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.models import Model
from icdpm_experiments.paper.published_hidiff import GOPRO_SETS, REALBLUR_SETS, TRAINED_ON_GOPRO, TRAINED_ON_REALBLUR
from icdpm_experiments.paper.runs import beside_others

METRICS = ("psnr", "ssim")
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
        measured, its_protocols, its_reasons = runs.measured(dataset, beside_others(own, given), METRICS)
        protocols |= {f"{metric}, {dataset}": protocol for metric, protocol in its_protocols.items()}
        not_available |= {f"{metric}, {dataset}": reason for metric, reason in its_reasons.items()}
        for name in dict.fromkeys(["blurry", *restored, *PUBLISHED]):
            published = PUBLISHED.get(name, {}).get(dataset) or (None, None)
            values = [measured.get(name, {}).get(metric) for metric in METRICS]
            rows += [row_of(name, runs.scale.label(dataset), *cell) for cell in zip(METRICS, values, published)]
    write_comparison(
        "hidiff",
        "HI-Diff: trained on GoPro, and on RealBlur",
        runs.scale,
        rows,
        notes=["Rows 'trained on RealBlur': RealBlur-J's model was trained on RealBlur-J, RealBlur-R's on RealBlur-R."],
        protocols=protocols,
        not_available=not_available,
    )


EXPERIMENTS = {"hidiff": Experiment(run, restorings, ("restored",))}
