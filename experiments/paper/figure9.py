"""Figure 9: a trained model further trained with its guidance features aligned with another domain's, and without."""

from icdpm.images.reading import read_rgb
from icdpm_experiments.figures import write_gallery
from icdpm_experiments.pairs import center_crop
from icdpm_experiments.paper.comparison import row_of, write_comparison
from icdpm_experiments.paper.cost import restorings_by
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.models import Model
from icdpm_experiments.paper.scales import OUT_OF_DOMAIN
from icdpm_experiments.results import RESULTS_FOLDER, SCALE_NOTES

METRICS = ("psnr", "lpips_alex")
MODELS = {
    "as trained": Model("table2_c"),
    "further trained, without alignment": Model("fig9_unaligned"),
    "further trained, with alignment": Model("fig9_aligned"),
}
SHOWN = 3
_SIDE = 256  # px of the middle that is shown


def restorings(scale):
    """What the figure needs restored."""
    return restorings_by(MODELS.values(), scale, [OUT_OF_DOMAIN])


def run(runs):
    """Trains, restores and measures the three; writes results/fig9: a table, and pictures."""
    pairs, label = runs.scale.test_pairs(OUT_OF_DOMAIN), runs.scale.label(OUT_OF_DOMAIN)
    folders = {row: runs.restored(model, OUT_OF_DOMAIN) for row, model in MODELS.items()}
    measured, protocols, not_available = runs.measured(OUT_OF_DOMAIN, folders, METRICS)
    pictures = []
    for index in range(0, len(pairs), -(-len(pairs) // SHOWN)):
        blurry, sharp = pairs.load(index)
        restored = [read_rgb(folder / f"{pairs.names[index]}.png") for folder in folders.values()]
        pictures.append([center_crop(picture, _SIDE) for picture in (blurry, *restored, sharp)])
    caption = f"Figure 9, {label}, one sample.\n{SCALE_NOTES.get(runs.scale.name, '')}"
    headings = ["blurry", "as trained", "without alignment", "with alignment", "sharp"]
    write_gallery(RESULTS_FOLDER / "fig9.png", headings, pictures, caption)
    write_comparison(
        "fig9",
        "Figure 9: alignment of the guidance features with another domain's",
        runs.scale,
        [row_of(row, label, metric, measured[row].get(metric), None) for row in ("blurry", *MODELS) for metric in METRICS],
        notes=[
            "The paper prints no values; it found no benefit and perhaps harm. Without alignment: the same further steps.",
            f"Unlabelled pictures of the other domain: {runs.scale.target_pairs().description}.",
        ],
        protocols=protocols,
        not_available=not_available,
    )


EXPERIMENTS = {"fig9": Experiment(run, restorings)}
