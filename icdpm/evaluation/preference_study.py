"""Preference study as in the paper's Table 7: a page on which raters compare two images at a time, and the table."""

from __future__ import annotations

import base64
import collections
import hashlib
import importlib.resources
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image

from icdpm.errors import IcdpmError
from icdpm.evaluation.intervals import wilson_interval
from icdpm.evaluation.pairing import pair_methods
from icdpm.files import write_atomically
from icdpm.metrics.inputs import as_uint8
from icdpm.progress import progress_bar
from icdpm.storage import storage_path

PROTOCOL = (
    "fraction of ratings that preferred the row over the column, with its 95 % Wilson interval, which assumes that ratings "
    "are independent"
)


def write_preference_page(
    methods: Mapping[str, str | os.PathLike],
    output: str | os.PathLike,
    blurry: str | os.PathLike | None = None,
    count: int = 30,
    crop: int = 512,
    seed: int = 0,
) -> int:
    """Writes a self-contained HTML page that shows each pair of methods side by side on every image.

    The order and the sides are random for each rater and determined by the seed and the rater's name. `read_answers` reads the
    files that raters save. The defaults are those of the paper's study.

    Args:
      methods: {name of the method: folder of restored images}, at least two.
      output: file of the page.
      blurry: folder of the blurry images, which raters can show for comparison, or `None`.
      count: number of randomly selected images; all of them if there are fewer.
      crop: width and height in pixels of the random crop of each image. Smaller images are shown whole.
      seed: seed of the selection and of the crops.

    Returns:
      Number of comparisons for each rater.

    Raises:
      IcdpmError: there are fewer than two methods, or the images cannot be paired or read.
    """
    if len(methods) < 2:
        raise IcdpmError("A preference study requires at least two methods. Give each as --method=NAME=DIR.")
    restored, blurry_images = pair_methods(methods, blurry)
    rng = np.random.default_rng(seed)
    names = list(next(iter(restored.values())))
    selected = sorted(rng.choice(len(names), size=min(count, len(names)), replace=False))
    study: dict[str, Any] = {"seed": seed, "methods": list(methods), "images": []}
    with progress_bar("cropping", len(selected)) as bar:
        for index in selected:
            name = names[index]
            versions = {method: images[name].read() for method, images in restored.items()}
            height, width = next(iter(versions.values())).shape[:2]
            top, left = (int(rng.integers(max(0, side - crop) + 1)) for side in (height, width))
            window = slice(top, top + crop), slice(left, left + crop)
            study["images"].append(
                {
                    "name": name,
                    "restored": [_data_url(versions[method][window]) for method in methods],
                    "blurry": blurry_images and _data_url(blurry_images[name].read()[window]),
                }
            )
            bar.update()
    # Answers belong to one page: the same methods on the same crops.
    study["id"] = hashlib.blake2b(json.dumps(study).encode(), digest_size=8).hexdigest()
    template = importlib.resources.files(__package__).joinpath("preference_study.html").read_text(encoding="utf-8")
    # In a script element only a tag would end the text early.
    page = template.replace("{{study}}", json.dumps(study).replace("<", "\\u003c"))
    with write_atomically(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return len(selected) * len(methods) * (len(methods) - 1) // 2


def _data_url(image: np.ndarray) -> str:
    file = io.BytesIO()
    PIL.Image.fromarray(as_uint8(image)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


class Fraction(NamedTuple):
    """Fraction of ratings that preferred one method over another.

    Attributes:
      preferred: number of ratings that preferred the method.
      ratings: number of all ratings of the two methods.
      low, high: 95 % interval of the fraction.
    """

    preferred: int
    ratings: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The fraction."""
        return self.preferred / self.ratings


class Answers(NamedTuple):
    """The answers of all raters of one page.

    Attributes:
      methods: names of the methods.
      comparisons: number of comparisons for each rater.
      ratings: {rater: [(image, left method, right method, preferred method)]}.
    """

    methods: list[str]
    comparisons: int
    ratings: dict[str, list[tuple[str, str, str, str]]]


def read_answers(paths: Iterable[str | os.PathLike]) -> Answers:
    """Reads the files that raters saved from one page.

    Args:
      paths: the JSON files.

    Returns:
      An `Answers`.

    Raises:
      IcdpmError: a file has another format, or the files are of different pages, or two are of one rater.
    """
    contents = [_read_answer_file(Path(path)) for path in paths]
    if not contents:
        raise IcdpmError("No answers were given. Name the files that the raters saved.")
    first_path, first = contents[0]
    ratings: dict[str, list[tuple[str, str, str, str]]] = {}
    files: dict[str, Path] = {}
    for path, content in contents:
        rater = content["rater"]
        if any(content[key] != first[key] for key in ("study", "methods", "comparisons")):
            raise IcdpmError(f"{path} and {first_path} are answers to different pages. Make a table of each.")
        if rater in files:
            raise IcdpmError(f"{path} and {files[rater]} are both of rater {rater}. Give only the later one.")
        files[rater] = path
        ratings[rater] = [(each["image"], each["left"], each["right"], each["preferred"]) for each in content["answers"]]
    return Answers(first["methods"], first["comparisons"], ratings)


def _read_answer_file(path: Path) -> tuple[Path, dict[str, Any]]:
    """Returns (path, validated content)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise IcdpmError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise IcdpmError(f"{path} is not a file of answers: it is not JSON.") from error
    try:
        methods, rater = content["methods"], content["rater"]
        if not isinstance(rater, str) or not isinstance(methods, list) or not all(isinstance(each, str) for each in methods):
            raise ValueError
        for answer in content["answers"]:
            sides = {answer["left"], answer["right"]}
            if len(sides) != 2 or not sides <= set(methods) or answer["preferred"] not in sides:
                raise ValueError
        compared = [(answer["image"], *sorted((answer["left"], answer["right"]))) for answer in content["answers"]]
        if len(set(compared)) < len(compared) or len(compared) > content["comparisons"]:
            raise ValueError
        return path, {key: content[key] for key in ("study", "methods", "rater", "comparisons", "answers")}
    except (LookupError, TypeError, ValueError) as error:
        raise IcdpmError(f"{path} is not a file of answers as the page saves it.") from error


def preference_fractions(answers: Answers) -> dict[tuple[str, str], Fraction]:
    """Returns {(method, other): Fraction of ratings that preferred the method over the other} of all compared methods."""
    preferred: collections.Counter = collections.Counter()
    ratings: collections.Counter = collections.Counter()
    for given in answers.ratings.values():
        for _, left, right, winner in given:
            preferred[winner, right if winner == left else left] += 1
            ratings.update([(left, right), (right, left)])
    return {pair: Fraction(preferred[pair], count, *wilson_interval(preferred[pair], count)) for pair, count in ratings.items()}


def preference_rows(answers: Answers) -> list[dict[str, Any]]:
    """Returns the fractions as flat rows: method, over, preferred, ratings, value, low, high."""
    fractions = preference_fractions(answers)
    order = sorted(fractions, key=lambda pair: tuple(map(answers.methods.index, pair)))
    return [{"method": pair[0], "over": pair[1], "value": fractions[pair].value, **fractions[pair]._asdict()} for pair in order]


def format_preferences(answers: Answers) -> str:
    """Returns the fractions as a Markdown matrix, with the number of ratings and the raters who did not finish."""
    fractions = preference_fractions(answers)
    lines = ["| preferred over | " + " | ".join(answers.methods) + " |", "|" + "---|" * (len(answers.methods) + 1)]
    for method in answers.methods:
        cells = [_format_fraction(fractions.get((method, other))) for other in answers.methods]
        lines.append("| " + " | ".join([method, *cells]) + " |")
    count, raters = sum(map(len, answers.ratings.values())), len(answers.ratings)
    lines += ["", f"{PROTOCOL[0].upper()}{PROTOCOL[1:]}; {count} ratings from {raters} rater{'s' if raters > 1 else ''}."]
    unfinished = [f"{rater} ({len(each)})" for rater, each in answers.ratings.items() if len(each) < answers.comparisons]
    if unfinished:
        lines.append(f"Not all {answers.comparisons} comparisons were made by: {', '.join(unfinished)}.")
    return "\n".join(lines) + "\n"


def write_preferences(folder: str | os.PathLike, answers: Answers) -> None:
    """Writes preference.json and preference.md to a folder."""
    content = {"protocol": PROTOCOL, "raters": len(answers.ratings), "rows": preference_rows(answers)}
    with write_atomically(storage_path(folder) / "preference.json") as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with write_atomically(storage_path(folder) / "preference.md") as temporary:
        temporary.write_text("# Preference\n\n" + format_preferences(answers), encoding="utf-8")


def _format_fraction(fraction: Fraction | None) -> str:
    return f"{fraction.value:.2f} [{fraction.low:.2f}, {fraction.high:.2f}]" if fraction else "–"
