"""Figure 4: out-of-domain pictures without and with guidance, and what the guidance regresses at each scale."""

from icdpm.images.reading import read_rgb
from icdpm.metrics.psnr import PROTOCOL, psnr
from icdpm_experiments.figures import write_gallery
from icdpm_experiments.pairs import center_crop
from icdpm_experiments.paper.cost import restorings_by
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.guidance_pictures import guidance_pictures
from icdpm_experiments.paper.models import GUIDED, UNGUIDED
from icdpm_experiments.paper.scales import OUT_OF_DOMAIN
from icdpm_experiments.results import RESULTS_FOLDER, SCALE_NOTES, write_results

SHOWN = 3
_SIDE = 256  # px of the middle that is shown


def restorings(scale):
    """What the figure needs restored."""
    return restorings_by([UNGUIDED, GUIDED], scale, [OUT_OF_DOMAIN])


def run(runs):
    """Writes results/fig4: the pictures, and their PSNR."""
    pairs = runs.scale.test_pairs(OUT_OF_DOMAIN)
    unguided, guided = (runs.restored(model, OUT_OF_DOMAIN) for model in (UNGUIDED, GUIDED))
    system = runs.system(GUIDED.variant)
    rows, measured, scales = [], [], []
    for index in range(0, len(pairs), -(-len(pairs) // SHOWN)):
        blurry, sharp = pairs.load(index)
        restored = [read_rgb(folder / f"{pairs.names[index]}.png") for folder in (unguided, guided)]
        names = ("psnr_blurry", "psnr_icdpm", "psnr_guided")
        values = (round(psnr(picture, sharp), 4) for picture in (blurry, *restored))
        measured.append({"picture": pairs.names[index], **dict(zip(names, values))})
        regressions = guidance_pictures(system, blurry).regressions
        scales = sorted(regressions, reverse=True)
        enlarged = [regressions[k].repeat(2**k, axis=0).repeat(2**k, axis=1) for k in scales]
        rows.append([center_crop(picture, _SIDE) for picture in (blurry, *restored, sharp, *enlarged)])
    headings = ["blurry", "icDPM", "icDPM w/ Guide", "sharp", *(f"regression at 1/{2**k}" for k in scales)]
    label = runs.scale.label(OUT_OF_DOMAIN)
    caption = f"Figure 4, {label}, one sample.\n{SCALE_NOTES.get(runs.scale.name, '')}"
    write_gallery(RESULTS_FOLDER / "fig4.png", headings, rows, caption)
    path = write_results(
        "fig4",
        command=f"make bench-fig4 SCALE={runs.scale.name}",
        data=f"pictures of {label}, restored by one sample of Table 2 (b), icDPM, and (f), with guidance",
        scale=runs.scale.name,
        rows=measured,
        title="Figure 4: with and without guidance, and the regression outputs",
        notes=[f"PSNR of whole pictures; fig4.png shows their middle. {PROTOCOL}."],
    )
    print(f"written to {path} and {RESULTS_FOLDER / 'fig4.png'}")


EXPERIMENTS = {"fig4": Experiment(run, restorings)}
