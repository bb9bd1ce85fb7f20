"""A page on which people compare methods by eye, two pictures at a time, as for the paper's Table 7."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import io
import json

import numpy as np
import PIL.Image

from icdpm.errors import IcdpmError
from icdpm.evaluation.pairing import pair_methods
from icdpm.files import write_atomically
from icdpm.progress import progress_bar


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
    template = importlib.resources.files(__package__).joinpath("preference_page.html").read_text(encoding="utf-8")
    # In a script element only a tag would end the text early.
    page = template.replace("{{study}}", json.dumps(study).replace("<", "\\u003c"))
    with write_atomically(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return len(drawn) * len(methods) * (len(methods) - 1) // 2


def _data_url(picture):
    file = io.BytesIO()
    PIL.Image.fromarray(picture).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
