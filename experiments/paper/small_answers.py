"""Answers to the paper's two claims at the scale small, as sentences that depend on the measured intervals alone."""

from __future__ import annotations

import numpy as np

from icdpm.evaluation import intervals
from icdpm.evaluation.intervals import RESAMPLES, Mean
from icdpm_experiments.paper.scales import IN_DOMAIN

# {row with guidance: row without, of the same width}.
GUIDED = {"c": "a", "d": "a", "e": "b", "f": "b"}
# {row with guidance: row without, which is trained for as many more steps as make its compute equal}.
EQUAL_COMPUTE = {"c": "a", "e": "b"}
SIZES = {"b": "a"}  # {large row without guidance: small one}
OUTSIDE = "all images outside of the domain"


def _find(differences, question, dataset, row):
    return next(
        (each for each in differences if (each["question"], each["set"], each["row"]) == (question, dataset, row)), None
    )


def describe_difference(difference) -> str:
    """Returns a difference in words: its value, its interval over the images, and what the intervals show."""
    value, low, high = (difference[key] for key in ("value", "low", "high"))
    if low is None:
        return f"{value:+.3f} dB, without an interval"
    over_images = interval_sign(low, high)
    verdict = {1: "a gain", -1: "a loss", 0: "no difference that the interval shows"}[over_images]
    if over_images != difference_sign(difference):
        verdict += " over the images, which the interval over the seeds does not confirm"
    return f"{value:+.3f} dB [{low:+.3f}, {high:+.3f}], {verdict}"


def interval_sign(low, high) -> int:
    """Returns 1 or -1 if an interval is above or below zero, otherwise 0. `None` is an interval of any width."""
    if low is None:
        return 0
    return 1 if low > 0 else -1 if high < 0 else 0


def difference_sign(difference) -> int:
    """Returns the sign that the interval over the images shows and, if there are seeds, that over the seeds confirms."""
    sign = interval_sign(difference["low"], difference["high"])
    if difference["seeds_low"] is None:
        return sign
    return sign if sign == interval_sign(difference["seeds_low"], difference["seeds_high"]) else 0


def difference_between_sets(inside, outside) -> Mean:
    """Returns mean(outside) − mean(inside), with a 95 % bootstrap interval over the images of both.

    Args:
      inside, outside: differences in dB of two models, float64 [images] of two sets.
    """
    rng = np.random.default_rng(intervals.SEED)
    means = [each[rng.integers(len(each), size=(RESAMPLES, len(each)))].mean(axis=1) for each in (inside, outside)]
    low, high = np.percentile(means[1] - means[0], [2.5, 97.5])
    return Mean(float(outside.mean() - inside.mean()), float(low), float(high))


_MORE = {1: "more", -1: "less", 0: "neither more nor less beyond the interval"}


def answer_guidance(gains, differences) -> list[str]:
    """Answers whether guidance helps, and more outside of the training's domain than in it.

    Args:
      gains: {test set or `OUTSIDE`: {row: float64 [seeds, images]}}, gains in PSNR over the blurry input.
      differences: rows of `small_page`, with 'question', 'set', 'row' and the intervals.

    Returns:
      Lines of a Markdown list.
    """
    sentences = []
    for row, other in GUIDED.items():
        name = f"({row}) − ({other})"
        inside, outside = (_find(differences, "guidance", dataset, name) for dataset in (IN_DOMAIN, OUTSIDE))
        if inside is None:
            continue
        sentences.append(f"{name}, equal steps: {describe_difference(inside)} in the domain")
        if outside is not None:
            between = _between(gains, row, other)
            more = _MORE[interval_sign(between.low, between.high)]
            sentences[-1] += (
                f"; {describe_difference(outside)} outside of it. Outside minus inside: {between.value:+.3f} dB "
                f"[{between.low:+.3f}, {between.high:+.3f}] over the images, so guidance helps outside {more}"
            )
        sentences[-1] += "."
    for row, other in EQUAL_COMPUTE.items():
        name = f"({row}) − ({other}) of equal compute"
        found = [_find(differences, "equal compute", dataset, name) for dataset in (IN_DOMAIN, OUTSIDE)]
        parts = [
            f"{describe_difference(each)} {where}" for each, where in zip(found, ("in the domain", "outside of it")) if each
        ]
        sentences += [f"{name}: {'; '.join(parts)}."] if parts else []
    return [f"- {sentence}" for sentence in sentences] or [
        "Not measured: it takes a guided and an unguided model of one width."
    ]


def _between(gains, row, other):
    def difference(dataset):
        count = min(len(gains[dataset][row]), len(gains[dataset][other]))
        return (gains[dataset][row][:count] - gains[dataset][other][:count]).mean(axis=0)

    return difference_between_sets(difference(IN_DOMAIN), difference(OUTSIDE))


# {(sign of the difference in the domain, outside of it): what it shows}.
_SIZE_ANSWERS = {
    (1, -1): "it gains in the domain and loses outside, as the paper finds",
    (1, 0): "it gains in the domain, and no gain is shown outside, which is part of what the paper finds",
}


def answer_size(differences) -> list[str]:
    """Answers whether a larger network without guidance overfits the domain, and whether guidance mends it.

    Args:
      differences: see `answer_guidance`.

    Returns:
      Lines of a Markdown list.
    """
    sentences = []
    for row, other in SIZES.items():
        inside, outside = (_find(differences, "size", dataset, f"({row}) − ({other})") for dataset in (IN_DOMAIN, OUTSIDE))
        if inside is None or outside is None:
            continue
        shown = _SIZE_ANSWERS.get(
            (difference_sign(inside), difference_sign(outside)),
            "this is not the pattern of the paper, a gain in the domain and a loss outside",
        )
        sentences.append(
            f"({row}) − ({other}), the larger network without guidance: {describe_difference(inside)} in the domain; "
            f"{describe_difference(outside)} outside of it: {shown}."
        )
    for row, other in GUIDED.items():
        outside = other in SIZES and _find(differences, "size", OUTSIDE, f"({row}) − ({other})")
        if outside:
            sentences.append(
                f"({row}) − ({other}), guidance for the larger network, outside of the domain: {describe_difference(outside)}."
            )
    return [f"- {sentence}" for sentence in sentences] or ["Not measured: it takes the models (a) and (b) and a set outside."]
