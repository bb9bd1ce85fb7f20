"""Failure cases (Figs. 27 to 30): the test pictures that gain least and are darkest, and what failed in them.

The paper shows four pictures of RealBlur-J: low light, strong light streaks, night scenes. It says that all methods fail to
remove blur from night scenes, above all with light streaks, because GoPro has daytime scenes only. It does not state how the
four were found; here all pictures are ranked by two measured numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import stats

from icdpm.evaluation.lazy_images import FileImage
from icdpm.evaluation.pairing import BLURRY, list_images, pair_name
from icdpm.metrics.luma import matlab_gray
from icdpm_experiments.figures import write_gallery
from icdpm_experiments.pairs import UNBLURRED_PSNR
from icdpm_experiments.paper.cost import restorings_by
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.runs import beside_others
from icdpm_experiments.paper.scales import OUT_OF_DOMAIN
from icdpm_experiments.paper.visual_comparison import MADE, as_flag, cut
from icdpm_experiments.report.image_cards import find_largest_difference
from icdpm_experiments.results import RESULTS_FOLDER, SCALE_NOTES, abbreviate_home, make_command, markdown_table, write_results

SHOWN = 4  # as many as Figs. 27 to 30
_LISTED = 20  # rows of the Markdown table; the JSON has all pictures
_SIDE = 160  # pixels: of the part of a picture that is shown
# Thresholds of `what_failed`, chosen by this project.
DARK = 64.0  # mean gray value, of 255, below which a scene counts as dark
SATURATED = 250  # value of a channel from which a pixel counts as saturated
STREAKS = 0.1  # percent of saturated pixels from which a dark scene counts as one with light streaks
NO_GAIN = 0.1  # dB
RETURNED = 25.0  # percent of the lost gradient below which blur counts as remaining


def restorings(scale):
    """Returns the models whose restorations the ranking needs."""
    return restorings_by(MADE.values(), scale, [OUT_OF_DOMAIN])


def run(runs, restored):
    """Restores and measures the out-of-domain set; writes results/failures, with .png, .md and .json.

    Args:
      runs: a `Runs`.
      restored: {name of another method: folder of its restored pictures}.
    """
    pairs, label = runs.scale.test_pairs(OUT_OF_DOMAIN), runs.scale.label(OUT_OF_DOMAIN)
    own = {name: runs.restored(model, OUT_OF_DOMAIN) for name, model in MADE.items()}
    folders = beside_others(own, restored)
    values = runs.picture_values(OUT_OF_DOMAIN, folders, "psnr")
    files = {name: list(_in_order(Path(folder), pairs)) for name, folder in folders.items()}
    rows = []
    for index, name in enumerate(pairs.names):
        if values[BLURRY][index] > UNBLURRED_PSNR:
            continue
        blurry, sharp = pairs.load(index)
        gains = {f"gain {method}": round(float(values[method][index] - values[BLURRY][index]), 4) for method in folders}
        numbers = picture_numbers(blurry, sharp, FileImage(files["Ours"][index]).read())
        rows.append({"picture": name, "psnr blurry": round(float(values[BLURRY][index]), 4), **gains, **numbers})
    rows = ranked(rows)
    for row in rows:
        row["what failed"] = "; ".join(what_failed(row, [row[f"gain {method}"] for method in folders]))
    shown = []
    for row in rows[:SHOWN]:
        index = pairs.names.index(row["picture"])
        blurry, sharp = pairs.load(index)
        versions = {"blurry": blurry, **{name: FileImage(each[index]).read() for name, each in files.items()}, "sharp": sharp}
        box = worst_crop(versions["Ours"], sharp)
        shown.append([cut(picture, box) for picture in versions.values()])
    headings = ["blurry", *folders, "sharp"]
    picture = RESULTS_FOLDER / "failures.png"
    write_gallery(picture, headings, shown, _caption(rows[:SHOWN], label, runs.scale))
    path = write_results(
        "failures",
        command=make_command("bench-failures", SCALE=runs.scale.name, RESTORED=as_flag(restored)),
        data=f"{label}, restored by {', '.join(model.variant for model in MADE.values())}",
        scale=runs.scale.name,
        rows=rows,
        title="Failure cases (Figures 27 to 30)",
        table=markdown_table(rows[:_LISTED]),
        notes=[
            f"Gains in dB PSNR. Ranked by the sum of two places: in the gain of Ours, least first, and in brightness, "
            f"darkest first; the first {min(_LISTED, len(rows))} of {len(rows)} are listed; "
            f"failures.png shows the part of {len(shown)} in which Ours differs most from the sharp picture. "
            "gray: mean gray value of the blurry picture, of 255. saturated: percent of its pixels with a channel of "
            f"{SATURATED} or more. returned: percent of the mean gradient that blur took and that Ours brings back.",
            f"Left out as not blurred (more than {UNBLURRED_PSNR:g} dB): {len(pairs) - len(rows)} of {len(pairs)}.",
            *darkness_notes(rows),
        ],
        restored={name: abbreviate_home(str(folder)) for name, folder in restored.items()},
    )
    print(f"written to {path} and {picture}")


def picture_numbers(blurry, sharp, restored):
    """Measures brightness, saturation and how much of the lost gradient is back.

    Args:
      blurry, sharp, restored: uint8 [height, width, 3].

    Returns:
      {'gray': mean of 0 to 255, 'saturated': percent, 'returned': percent, 100 where nothing was lost}.
    """
    before, now, wanted = (mean_gradient(picture) for picture in (blurry, restored, sharp))
    lost = wanted - before
    return {
        "gray": round(float(matlab_gray(blurry).mean()), 2),
        "saturated": round(100 * float((blurry.max(axis=-1) >= SATURATED).mean()), 3),
        "returned": round(float(100 * (now - before) / lost), 1) if lost > 0 else 100.0,
    }


def mean_gradient(picture):
    """Mean absolute difference of neighbouring gray values of a picture, uint8 [height, width, 3]."""
    gray = matlab_gray(picture)
    return np.abs(np.diff(gray, axis=0)).mean() + np.abs(np.diff(gray, axis=1)).mean()


def ranked(rows):
    """Sorts rows with 'gain Ours' and 'gray', the worst first: by the sum of their places, then by gain."""
    gains, grays = ([row[key] for row in rows] for key in ("gain Ours", "gray"))
    places = stats.rankdata(gains) + stats.rankdata(grays)
    return [rows[index] for index in sorted(range(len(rows)), key=lambda index: (places[index], gains[index]))]


def what_failed(row, gains):
    """Phrases on what failed in a picture, and in which light, from its measured numbers; none where nothing failed.

    Args:
      row: with the numbers of `picture_numbers` and 'gain Ours'.
      gains: of all methods, dB.
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
        failures.append("structure that the sharp picture does not have")
    if failures and row["gray"] < DARK:
        failures.append("in low light with light streaks" if row["saturated"] >= STREAKS else "in low light")
    return failures


def darkness_notes(rows):
    """Sentences on how gain depends on brightness; none for fewer than four rows."""
    if len(rows) < 4:
        return []
    by_gray = [row["gain Ours"] for row in sorted(rows, key=lambda row: row["gray"])]
    quarter = len(rows) // 4
    correlation = stats.spearmanr([row["gray"] for row in rows], [row["gain Ours"] for row in rows])[0]
    return [
        f"Ours gains {np.mean(by_gray[:quarter]):+.3f} dB on the darkest quarter ({quarter} of {len(rows)}) and "
        f"{np.mean(by_gray[quarter:]):+.3f} dB on the others; Spearman's correlation of brightness and gain: {correlation:.2f}."
    ]


def _in_order(folder, pairs):
    """The restored pictures of a folder in the order of a `PairSource`, whose measuring has checked that they are there."""
    files = list_images(folder, "restored")
    return (files[pair_name(name)] for name in pairs.names)


def worst_crop(restored, sharp):
    """The box (left, top, width, height), at most `_SIDE` a side, where a restored picture differs most from the sharp one."""
    height, width = sharp.shape[:2]
    sides = min(_SIDE, width), min(_SIDE, height)
    middle = find_largest_difference(restored, sharp, min(sides))
    corner = (min(max(0, at - side // 2), most - side) for at, side, most in zip(middle, sides, (width, height)))
    return *corner, *sides


def _caption(rows, label, scale):
    """Lines below the figure: what failed in each of its rows."""
    lines = [f"Failure cases of {label}, from top to bottom, where Ours differs most from the sharp picture."]
    for row in rows:
        failed = row["what failed"] or "nothing failed"
        lines.append(f"{row['picture']}: gain {row['gain Ours']:+.2f} dB, mean gray {row['gray']:.0f}: {failed}.")
    return "\n".join([*lines, SCALE_NOTES.get(scale.name, "")])


EXPERIMENTS = {"failures": Experiment(run, restorings, ("restored",))}
