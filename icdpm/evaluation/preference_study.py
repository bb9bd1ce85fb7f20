"""A page on which people compare methods by eye, two pictures at a time, as for the paper's Table 7."""

from __future__ import annotations

import base64
import collections
import hashlib
import importlib.resources
import io
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image

from icdpm.errors import IcdpmError
from icdpm.evaluation.pairing import pair_methods
from icdpm.files import write_atomically
from icdpm.progress import progress_bar
from icdpm.storage import storage_path


def write_preference_page(methods, output, blurry=None, pictures=30, crop=512, seed=0):
    """Writes one HTML file, with all pictures in it, that shows every two methods beside each other on every picture.

    Each rater sees them in an order of their own, and the sides at random; both follow from the seed and the rater's name.
    What a rater exports is read by `preference_table.read_answers`. The defaults are the paper's.

    Args:
      methods: {name of the method: folder of restored pictures}, two or more.
      output: path of the page.
      blurry: folder of the blurry pictures, which raters can look at for comparison; or None.
      pictures: how many are drawn; all where there are fewer.
      crop: width and height of the crop that is drawn from each; smaller pictures are shown whole.
      seed: of what is drawn.

    Returns:
      The number of comparisons that a rater is asked for.

    Raises:
      IcdpmError: fewer than two methods, or pictures that cannot be paired or read.
    """
    if len(methods) < 2:
        raise IcdpmError("a preference is between two methods or more; give each as --method=NAME=DIR")
    restored, originals = pair_methods(methods, blurry)
    rng = np.random.default_rng(seed)
    names = list(next(iter(restored.values())))
    drawn = sorted(rng.choice(len(names), size=min(pictures, len(names)), replace=False))
    study = {"seed": seed, "methods": list(methods), "pictures": []}
    with progress_bar("cropping", len(drawn)) as bar:
        for index in drawn:
            name = names[index]
            sides = {method: pictures_of[name].read() for method, pictures_of in restored.items()}
            height, width = next(iter(sides.values())).shape[:2]
            top, left = (int(rng.integers(max(0, side - crop) + 1)) for side in (height, width))
            window = slice(top, top + crop), slice(left, left + crop)
            study["pictures"].append(
                {
                    "name": name,
                    "restored": [_data_url(sides[method][window]) for method in methods],
                    "blurry": originals and _data_url(originals[name].read()[window]),
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
    return len(drawn) * len(methods) * (len(methods) - 1) // 2


def _data_url(picture):
    file = io.BytesIO()
    PIL.Image.fromarray(picture).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


PROTOCOL = (
    "fraction of ratings that preferred the row over the column, with its 95 % Wilson interval, which takes the ratings "
    "as independent of each other"
)
_Z = 1.959964  # of a 95 % interval


class Fraction(NamedTuple):
    """How often one method was preferred over another: of how many ratings, and the ends of the 95 % interval."""

    preferred: int
    ratings: int
    low: float
    high: float

    @property
    def value(self):
        """The fraction."""
        return self.preferred / self.ratings


class Answers(NamedTuple):
    """The answers of all raters of one page."""

    methods: list
    comparisons: int
    # (picture, left, right, preferred) by rater
    of_raters: dict


def read_answers(paths):
    """The answers in files that raters exported from one page.

    Returns:
      An Answers.

    Raises:
      IcdpmError: a file that is not such, files of different pages, or two of one rater.
    """
    read = [_read(Path(path)) for path in paths]
    if not read:
        raise IcdpmError("no answers were given; name the files that the raters exported")
    first_path, first = read[0]
    of_raters, files = {}, {}
    for path, content in read:
        if content["study"] != first["study"]:
            raise IcdpmError(f"{path} and {first_path} are answers to different pages; make a table of each")
        if content["rater"] in files:
            raise IcdpmError(f"{path} and {files[content['rater']]} are both of rater {content['rater']}; give the later one")
        files[content["rater"]] = path
        of_raters[content["rater"]] = [
            (each["picture"], each["left"], each["right"], each["preferred"]) for each in content["answers"]
        ]
    return Answers(first["methods"], first["comparisons"], of_raters)


def _read(path):
    """(path, content) of a file of answers, checked."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise IcdpmError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise IcdpmError(f"{path} is not a file of answers: it is not JSON") from error
    try:
        methods = set(content["methods"])
        for answer in content["answers"]:
            sides = {answer["left"], answer["right"]}
            if len(sides) != 2 or not sides <= methods or answer["preferred"] not in sides:
                raise ValueError
        compared = [(answer["picture"], *sorted((answer["left"], answer["right"]))) for answer in content["answers"]]
        if len(set(compared)) < len(compared) or len(compared) > content["comparisons"]:
            raise ValueError
        return path, {key: content[key] for key in ("study", "methods", "rater", "comparisons", "answers")}
    except (LookupError, TypeError, ValueError) as error:
        raise IcdpmError(f"{path} is not a file of answers as the page exports it") from error


def preference_fractions(answers):
    """{(method, other): Fraction of ratings that preferred the method over the other} of those that were compared."""
    preferred, ratings = collections.Counter(), collections.Counter()
    for given in answers.of_raters.values():
        for _, left, right, winner in given:
            preferred[winner, right if winner == left else left] += 1
            ratings.update([(left, right), (right, left)])
    return {pair: Fraction(preferred[pair], count, *wilson_interval(preferred[pair], count)) for pair, count in ratings.items()}


def wilson_interval(successes, trials):
    """The 95 % interval of a fraction (Wilson, 1927)."""
    fraction, squared = successes / trials, _Z * _Z / trials
    middle = fraction + squared / 2
    half = math.sqrt(fraction * (1 - fraction) * squared + squared * squared / 4)
    return max(0.0, (middle - half) / (1 + squared)), min(1.0, (middle + half) / (1 + squared))


def table_rows(answers):
    """The fractions as flat rows: method, over, preferred, ratings, value, low, high."""
    return [
        {"method": method, "over": other, "value": fraction.value, **fraction._asdict()}
        for (method, other), fraction in sorted(
            preference_fractions(answers).items(), key=lambda item: tuple(map(answers.methods.index, item[0]))
        )
    ]


def table_text(answers):
    """The matrix as Markdown, with how many ratings it is made of."""
    fractions = preference_fractions(answers)
    lines = ["| preferred over | " + " | ".join(answers.methods) + " |", "|" + "---|" * (len(answers.methods) + 1)]
    for method in answers.methods:
        cells = [_cell(fractions.get((method, other))) for other in answers.methods]
        lines.append("| " + " | ".join([method, *cells]) + " |")
    given = sum(map(len, answers.of_raters.values()))
    count = len(answers.of_raters)
    lines += ["", f"{PROTOCOL[0].upper()}{PROTOCOL[1:]}; {given} ratings from {count} rater{'s' if count > 1 else ''}."]
    unfinished = [f"{rater} ({len(each)})" for rater, each in answers.of_raters.items() if len(each) < answers.comparisons]
    if unfinished:
        lines.append(f"Not all {answers.comparisons} comparisons were made by: {', '.join(unfinished)}.")
    return "\n".join(lines) + "\n"


def write_table(folder, answers):
    """Writes preference.json and preference.md."""
    content = {"protocol": PROTOCOL, "raters": len(answers.of_raters), "rows": table_rows(answers)}
    with write_atomically(storage_path(folder) / "preference.json") as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with write_atomically(storage_path(folder) / "preference.md") as temporary:
        temporary.write_text("# Preference\n\n" + table_text(answers), encoding="utf-8")


def _cell(fraction):
    return f"{fraction.value:.2f} [{fraction.low:.2f}, {fraction.high:.2f}]" if fraction else "–"
