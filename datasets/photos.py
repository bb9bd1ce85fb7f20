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


_SMALLEST_SCALE = 0.4  # below it little but edges is left of a photo
_WHOLE_GRAY = 3.0  # mean difference between channels, in 8-bit levels, below which a photo is gray


def photo_crop(rng: np.random.Generator, name: str, size: int, smallest_scale: float = _SMALLEST_SCALE) -> np.ndarray:
    """A random square of a photo at a random scale, flipped at random, uint8 [size, size, 3] sRGB.

    The scale is `smallest_scale` (or as little as the photo's size allows) to 1; reduction also sharpens what was
    slightly out of focus. Raises ValueError where the photo has no `size` pixels.
    """
    pixels = photo(name)
    short_side = min(pixels.shape[:2])
    if size > short_side:
        raise ValueError(f"photo {name!r} is {short_side} px high or wide: too small for a crop of {size} px")
    scale = rng.uniform(min(1.0, max(size / short_side, smallest_scale)), 1.0)
    side = min(int(round(size / scale)), short_side)
    top = int(rng.integers(pixels.shape[0] - side + 1))
    left = int(rng.integers(pixels.shape[1] - side + 1))
    piece = Image.fromarray(pixels[top : top + side, left : left + side])
    if side != size:
        piece = piece.resize((size, size), Image.Resampling.LANCZOS)
    crop = np.asarray(piece)
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def recolour(rng: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    """The crop under another light: exposure, contrast and white balance vary; a gray photo gets a faint tint.

    uint8 [H, W, 3] to the same.
    """
    gains = rng.uniform(0.8, 1.2) * rng.uniform(0.88, 1.12, 3)
    spread = np.abs(crop[::8, ::8, 0].astype(np.int16) - crop[::8, ::8, 2]).mean()
    if spread < _WHOLE_GRAY:
        gains *= rng.uniform(0.8, 1.1, 3)
    gamma = np.exp(rng.uniform(-0.25, 0.25))
    level = (np.arange(256) / 255.0) ** gamma
    recoloured = np.empty_like(crop)
    for channel in range(3):
        table = np.clip(255 * gains[channel] * level, 0, 255).astype(np.uint8)
        recoloured[..., channel] = table[crop[..., channel]]
    return recoloured
