"""Failure cases (Figures 27 to 30): ranks the test images by gain and darkness, and reports what failed in them.

The paper shows four images of RealBlur-J with low light, strong light streaks and night scenes. It says that all methods fail
to remove blur from night scenes, above all with light streaks, because GoPro has daytime scenes only. It does not state how the
four were found. Here two measured numbers rank all images.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from icdpm.evaluation.pairing import BLURRY
from icdpm.images.reading import read_rgb
from icdpm.metrics.inputs import as_uint8, matlab_gray
from icdpm_experiments.figures import crop_image, largest_difference_box, write_gallery
from icdpm_experiments.pairs import UNBLURRED_PSNR, restored_files
from icdpm_experiments.paper.comparison import merge_folders, restored_variable, write_experiment
from icdpm_experiments.paper.experiment import Experiment, RequiredRun, required_runs
from icdpm_experiments.paper.scales import OUT_OF_DOMAIN
from icdpm_experiments.paper.visual_comparison import MODELS
from icdpm_experiments.results import SCALE_NOTES, abbreviate_home, markdown_table

SHOWN = 4  # as many as Figures 27 to 30
_LISTED = 20  # rows of the Markdown table; the JSON has all images
_SIDE = 160  # pixels: side of the crop that is shown
# Thresholds of `describe_failures`, chosen by this project.
DARK = 64.0  # mean gray value, of 255, below which a scene is dark
SATURATED = 250  # value of a channel from which a pixel is saturated
STREAKS = 0.1  # percent of saturated pixels from which a dark scene has light streaks
NO_GAIN = 0.1  # dB
RETURNED = 25.0  # percent of the lost gradient below which blur remains


def required(scale) -> list[RequiredRun]:
    """Lists the required runs."""
    return required_runs(MODELS.values(), scale, [OUT_OF_DOMAIN])


def run(runs, restored) -> None:
    """Restores and measures the out-of-domain set; writes results/failures, with .png, .md and .json.

    Args:
      runs: a `Runs`.
      restored: {name of another method: folder of its restored images}.
    """
    pairs, label = runs.scale.test_pairs(OUT_OF_DOMAIN), runs.scale.label(OUT_OF_DOMAIN)
    own = {name: runs.restore(model, OUT_OF_DOMAIN) for name, model in MODELS.items()}
    folders = merge_folders(own, restored)
    values = runs.measure_images(OUT_OF_DOMAIN, folders, "psnr")
    files = {name: restored_files(folder, pairs) for name, folder in folders.items()}
    rows = []
    for index, name in enumerate(pairs.names):
        if values[BLURRY][index] > UNBLURRED_PSNR:
            continue
        blurry, sharp = pairs.load(index)
        gains = {f"gain {method}": round(float(values[method][index] - values[BLURRY][index]), 4) for method in folders}
        images = blurry, sharp, read_rgb(files["Ours"][index])
        numbers = measure_light_and_gradient(*map(as_uint8, images))
        rows.append({"image": name, "psnr blurry": round(float(values[BLURRY][index]), 4), **gains, **numbers})
    rows = rank(rows)
    for row in rows:
        row["what failed"] = "; ".join(describe_failures(row, [row[f"gain {method}"] for method in folders]))
    shown = []
    for row in rows[:SHOWN]:
        index = pairs.names.index(row["image"])
        blurry, sharp = pairs.load(index)
        versions = {"blurry": blurry, **{name: read_rgb(each[index]) for name, each in files.items()}, "sharp": sharp}
        box = largest_difference_box(versions["Ours"], sharp, _SIDE)
        shown.append([crop_image(image, box) for image in versions.values()])
    headings = ["blurry", *folders, "sharp"]
    gallery = runs.scale.image_path("failures")
    write_gallery(gallery, headings, shown, _caption(rows[:SHOWN], label, runs.scale))
    path = write_experiment(
        runs.scale,
        "failures",
        variables={"RESTORED": restored_variable(restored)},
        data=f"{label}, restored by {', '.join(model.variant for model in MODELS.values())}",
        rows=rows,
        title="Failure cases (Figures 27 to 30)",
        table=markdown_table(rows[:_LISTED]),
        notes=[
            f"Gains in dB PSNR. Ranked by the sum of two places: in the gain of Ours, least first, and in brightness, "
            f"darkest first. The table lists the first {min(_LISTED, len(rows))} of {len(rows)}; "
            f"failures.png shows the part of {len(shown)} in which Ours differs most from the sharp image. "
            "gray: mean gray value of the blurry image, of 255. saturated: percent of its pixels with a channel of "
            f"{SATURATED} or more. returned: percent of the mean gradient lost to blur that Ours restores.",
            f"Left out as not blurred (more than {UNBLURRED_PSNR:g} dB): {len(pairs) - len(rows)} of {len(pairs)}.",
            *darkness_notes(rows),
        ],
        restored={name: abbreviate_home(str(folder)) for name, folder in restored.items()},
    )
    print(f"Written to {path} and {gallery}.")


def measure_light_and_gradient(blurry, sharp, restored) -> dict[str, float]:
    """Measures brightness, saturation and the restored part of the lost gradient.

    Args:
      blurry, sharp, restored: uint8 [height, width, 3].

    Returns:
      {'gray': mean of 0 to 255, 'saturated': percent, 'returned': percent, 100 if nothing was lost}.
    """
    before, after, target = (mean_gradient(image) for image in (blurry, restored, sharp))
    lost = target - before
    return {
        "gray": round(float(matlab_gray(blurry).mean()), 2),
        "saturated": round(100 * float((blurry.max(axis=-1) >= SATURATED).mean()), 3),
        "returned": round(float(100 * (after - before) / lost), 1) if lost > 0 else 100.0,
    }


def mean_gradient(image) -> float:
    """Computes the mean absolute difference of neighboring gray values of an image, uint8 [height, width, 3]."""
    gray = matlab_gray(image)
    return np.abs(np.diff(gray, axis=0)).mean() + np.abs(np.diff(gray, axis=1)).mean()


def rank(rows) -> list[dict]:
    """Sorts rows with 'gain Ours' and 'gray', the worst first: by the sum of their places, then by gain."""
    gains, grays = ([row[key] for row in rows] for key in ("gain Ours", "gray"))
    places = stats.rankdata(gains) + stats.rankdata(grays)
    return [rows[index] for index in sorted(range(len(rows)), key=lambda index: (places[index], gains[index]))]


def describe_failures(row, gains) -> list[str]:
    """Returns phrases about the failures of an image and its light, from its measured numbers; none if nothing failed.

    Args:
      row: dict with the numbers of `measure_light_and_gradient` and 'gain Ours'.
      gains: gains of all methods in dB.
    """
    failures = []
    if row["gain Ours"] < 0:
        failures.append("worse than the input")
    elif row["gain Ours"] < NO_GAIN:
        failures.append("no gain")
    if max(gains) < NO_GAIN and len(gains) > 1:
        failures.append("all methods fail")
    if row["returned"] < RETURNED:
        failures.append("blur remains")
    elif row["returned"] > 100 + RETURNED:
        failures.append("structure that the sharp image does not have")
    if failures and row["gray"] < DARK:
        failures.append("in low light with light streaks" if row["saturated"] >= STREAKS else "in low light")
    return failures


def darkness_notes(rows) -> list[str]:
    """Returns sentences about the relation of gain and brightness; none for fewer than four rows."""
    if len(rows) < 4:
        return []
    by_gray = [row["gain Ours"] for row in sorted(rows, key=lambda row: row["gray"])]
    quarter = len(rows) // 4
    correlation = stats.spearmanr([row["gray"] for row in rows], [row["gain Ours"] for row in rows])[0]
    return [
        f"Ours gains {np.mean(by_gray[:quarter]):+.3f} dB on the darkest quarter ({quarter} of {len(rows)}) and "
        f"{np.mean(by_gray[quarter:]):+.3f} dB on the others; Spearman's correlation of brightness and gain: {correlation:.2f}."
    ]


def _caption(rows, label, scale):
    """Returns the lines below the figure: the failures of each of its rows."""
    lines = [f"Failure cases of {label}, from top to bottom, where Ours differs most from the sharp image."]
    for row in rows:
        failed = row["what failed"] or "nothing failed"
        lines.append(f"{row['image']}: gain {row['gain Ours']:+.2f} dB, mean gray {row['gray']:.0f}: {failed}.")
    return "\n".join([*lines, SCALE_NOTES.get(scale.name, "")])


EXPERIMENTS = {"failures": Experiment(run, required, ("restored",))}
