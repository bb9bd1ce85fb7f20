"""The images of the page results/small.md: a strip of crops and one paragraph each, written from measured values."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from icdpm.evaluation.pairing import BLURRY
from icdpm.images.reading import read_rgb
from icdpm_experiments.figures import crop_image, largest_difference_box, write_gallery
from icdpm_experiments.paper.small_scale import describe_image

SHOWN = 10
ICDPM, OURS = "b", "f"  # rows of Table 2
_SIDE = 192  # pixels: side of the crop that is shown
VISIBLE_GAIN = 0.05  # dB: a smaller difference of PSNR is not visible
SMALL_GAIN = 0.3  # dB
_VISIBLE_DETAIL = 0.02  # of the sharp image's fine detail
_VISIBLE_DRIFT = 4.0  # gray levels, of 255


class ImageValues(NamedTuple):
    """Measured values of one whole image.

    Attributes:
      psnr: PSNR in dB.
      detail: fine detail relative to the sharp image; 1 is right.
      drift: largest deviation of the light of a region from that of the blurry image, in gray levels, 0 to 255.
    """

    psnr: float
    detail: float
    drift: float


def show_images(runs, measured, folder: Path) -> tuple[list[str], list[dict]]:
    """Writes a strip (blurry, icDPM-L, ours, sharp) for each of a few images of all test sets.

    Args:
      runs: a `Runs`.
      measured: {test set: `small_page.MeasuredSet`}.
      folder: output folder of the strips, 01.jpg, 02.jpg, ….

    Returns:
      (lines of Markdown, measured values of each image as flat dicts). Both are empty if one of the models is not trained.
    """
    methods = {"blurry": BLURRY, "icDPM-L": f"{ICDPM} 0", "ours": f"{OURS} 0"}
    if any(not {*methods.values()} <= each.psnr.keys() for each in measured.values()):
        return [], []
    lines, records = [], []
    for dataset, index in choose_images({dataset: len(runs.scale.test_pairs(dataset)) for dataset in measured}, SHOWN):
        pairs, its = runs.scale.test_pairs(dataset), measured[dataset]
        name = pairs.names[index]
        values = {
            method: ImageValues(its.psnr[row][index], its.detail[row][index], its.color_drift[row][index])
            for method, row in methods.items()
        }
        blurry, sharp = pairs.load(index)
        restored = [read_rgb(its.folders[methods[method]] / f"{name}.png") for method in ("icDPM-L", "ours")]
        box = largest_difference_box(blurry, sharp, _SIDE)
        strip = folder / f"{len(records) + 1:02d}.jpg"
        write_gallery(strip, _headings(values), [[crop_image(image, box) for image in (blurry, *restored, sharp)]])
        title = describe_image(dataset, name)
        lines += [
            f"**{len(records) + 1}. {title}**",
            "",
            f"![blurry, icDPM-L, ours, sharp]({folder.name}/{strip.name})",
            "",
            describe_values(*values.values()),
            "",
        ]
        numbers = {
            f"{name} {method}": float(value) for method, each in values.items() for name, value in each._asdict().items()
        }
        records.append({"set": dataset, "image": name, **numbers})
    explanation = (
        f"Each strip shows the {_SIDE}×{_SIDE} pixels in which the blurry and the sharp image differ most, from left to right: "
        f"blurry; icDPM-L, model ({ICDPM}); ours, model ({OURS}), the same network with guidance; sharp. All values are of the "
        "whole image, after one evaluation with seed 0."
    )
    return [f"## {len(records)} images", "", explanation, "", *lines[:-1]], records


def _headings(values):
    blurry = values["blurry"].psnr
    gains = [f"{method} {values[method].psnr - blurry:+.2f} dB" for method in ("icDPM-L", "ours")]
    return [f"blurry {blurry:.2f} dB", *gains, "sharp"]


def describe_values(blurry: ImageValues, icdpm: ImageValues, ours: ImageValues) -> str:
    """Returns a paragraph about one image: its blur, what both models gain, which one is ahead, detail and color."""
    noise = ", noise included" if blurry.detail > 1 else ""
    sentences = [
        f"The blurry image has a PSNR of {blurry.psnr:.2f} dB and {_percent(blurry.detail)} of the sharp image's fine "
        f"detail{noise}.",
        _describe_gains(icdpm.psnr - blurry.psnr, ours.psnr - blurry.psnr),
        f"{_describe_detail(blurry.detail, icdpm.detail, ours.detail)}{_describe_drift(icdpm.drift, ours.drift)}.",
    ]
    return " ".join(sentences)


def _describe_gains(icdpm, ours):
    """Returns a sentence about two gains in dB: whether each model helps, and which one is ahead."""
    changes = f"icDPM-L changes the PSNR by {icdpm:+.2f} dB, ours by {ours:+.2f} dB"
    if abs(icdpm - ours) < VISIBLE_GAIN:
        mean = (icdpm + ours) / 2
        verdict = "Neither model helps" if mean < VISIBLE_GAIN else "Both models help"
        amount = " a little" if VISIBLE_GAIN <= mean < SMALL_GAIN else ""
        return f"{verdict}{amount}: {changes}; the difference between them is too small to see."
    helping = [name for name, gain in (("icDPM-L", icdpm), ("ours", ours)) if gain >= VISIBLE_GAIN]
    verdict = ("Neither model helps", f"Only {''.join(helping)} helps", "Both models help")[len(helping)]
    amount = " a little" if helping and max(icdpm, ours) < SMALL_GAIN else ""
    ahead = "ours" if ours > icdpm else "icDPM-L"
    return f"{verdict}{amount}: {changes}, so {ahead} is ahead by {abs(icdpm - ours):.2f} dB."


def _describe_detail(blurry, icdpm, ours):
    each = [_percent(icdpm), _percent(ours)]
    values = f"{each[0]} with both" if each[0] == each[1] else f"{each[0]} with icDPM-L and {each[1]} with ours"
    if max(icdpm, ours) > 1 + _VISIBLE_DETAIL:
        return f"Fine detail is {values}: what exceeds 100 % is noise, grain or ringing"
    if max(abs(icdpm - blurry), abs(ours - blurry)) < _VISIBLE_DETAIL:
        return f"Fine detail hardly changes ({values}), so the image stays as soft as it was"
    if min(icdpm, ours) < blurry:
        return f"Fine detail is {values}, so the image gets softer"
    return f"Fine detail rises to {values}"


def _describe_drift(icdpm, ours):
    if max(icdpm, ours) < _VISIBLE_DRIFT:
        return ""
    return f"; the light of a region drifts by up to {icdpm:.1f} gray levels of 255 with icDPM-L and {ours:.1f} with ours"


def _percent(value):
    return f"{100 * value:.0f} %"


def choose_images(counts, total) -> list[tuple[str, int]]:
    """Chooses images of several sets in turn, evenly spaced from the first to the last of each set.

    Args:
      counts: {set: number of its images}.
      total: number of images to choose. All are chosen if there are fewer.

    Returns:
      [(set, index)], sorted by set.
    """
    shares = dict.fromkeys(counts, 0)
    while sum(shares.values()) < min(total, sum(counts.values())):
        for name in counts:
            if shares[name] < counts[name] and sum(shares.values()) < total:
                shares[name] += 1
    return [(name, int(index)) for name, share in shares.items() for index in np.linspace(0, counts[name] - 1, share).round()]
