"""The free photos that scikit-image's wheel carries: which, under what licence, and in which split.

Only photographs whose licence in scikit-image's own documentation (`skimage/data/_fetchers.py`) is CC0 or the public
domain are used; its `moon`, `coins` and `stereo_motorcycle` state no such licence and stay out. The files are
read from the installed package: nothing is downloaded.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import pathlib

import numpy as np
from PIL import Image

from icdpm.errors import IcdpmError


@dataclasses.dataclass(frozen=True)
class Photo:
    """One photo: its name, file, split ('train' or 'test', never both), and who gave it away how."""

    name: str
    file: str
    split: str
    licence: str


PHOTOS = (
    Photo("astronaut", "astronaut.png", "train", "public domain, NASA"),
    Photo("coffee", "coffee.png", "train", "CC0, Rachel Michetti"),
    Photo("rocket", "rocket.jpg", "train", "public domain, SpaceX"),
    Photo("hubble", "hubble_deep_field.jpg", "train", "public domain, NASA"),
    Photo("grass", "grass.png", "train", "CC0, linolafett on DeviantArt"),
    Photo("gravel", "gravel.png", "train", "CC0, CC0Textures"),
    Photo("chelsea", "chelsea.png", "test", "CC0, Stefan van der Walt"),
    Photo("camera", "camera.png", "test", "CC0, Lav Varshney"),
    Photo("brick", "brick.png", "test", "CC0, CC0Textures"),
)


def _folder() -> pathlib.Path:
    """Where scikit-image keeps its pictures, found without importing it (its import takes long)."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise IcdpmError("The embedded photos come with scikit-image, which is not installed: pip install scikit-image.")
    return pathlib.Path(package.origin).parent / "data"


def _path(file: str) -> pathlib.Path:
    path = _folder() / file
    if not path.is_file():
        raise IcdpmError(f"{path} is missing: reinstall scikit-image, whose wheel carries it.")
    return path


@functools.cache
def photo(name: str) -> np.ndarray:
    """The photo called `name` in `PHOTOS`, uint8 [H, W, 3] sRGB, read-only; gray ones with three equal channels.

    Raises IcdpmError where the name is unknown or the file missing.
    """
    known = {entry.name: entry for entry in PHOTOS}
    if name not in known:
        raise IcdpmError(f"There is no photo {name!r}: known ones are {', '.join(known)}.")
    with Image.open(_path(known[name].file)) as image:
        pixels = np.asarray(image.convert("RGB"))
    pixels.setflags(write=False)
    return pixels


def clock_motion_path() -> pathlib.Path:
    """A real motion-blurred photo: a wall clock, gray, 400×300, no sharp reference; public domain, Stefan van der Walt.

    It is for looking at, and never part of training or test pairs.
    """
    return _path("clock_motion.png")
