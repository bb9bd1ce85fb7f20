"""Free photos from scikit-image's wheel, and random crops of them. Nothing is downloaded.

Only photos that scikit-image documents (`skimage/data/_fetchers.py`) as CC0 or public domain are used. Its `moon`, `coins` and
`stereo_motorcycle` have no such license and are excluded.
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
    """A photo in scikit-image.

    Attributes:
      name: name of the photo.
      file: name of its file.
      split: 'train' or 'test'.
      license: license and author.
    """

    name: str
    file: str
    split: str
    license: str


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
    """Returns scikit-image's folder of images without importing it, which is slow."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise IcdpmError("The embedded photos are part of scikit-image, which is not installed. Run: pip install scikit-image")
    return pathlib.Path(package.origin).parent / "data"


def _path(file: str) -> pathlib.Path:
    path = _folder() / file
    if not path.is_file():
        raise IcdpmError(f"{path} is missing. Reinstall scikit-image, whose wheel contains it.")
    return path


@functools.cache
def load_photo(name: str) -> np.ndarray:
    """Returns a photo of `PHOTOS`, uint8 [H, W, 3] sRGB, read-only. Gray is repeated in all channels.

    Raises:
      IcdpmError: the name is unknown, or the file is missing.
    """
    known = {entry.name: entry for entry in PHOTOS}
    if name not in known:
        raise IcdpmError(f"The photo must be one of {', '.join(known)}. Received: {name!r}.")
    with Image.open(_path(known[name].file)) as image:
        pixels = np.asarray(image.convert("RGB"))
    pixels.setflags(write=False)
    return pixels


def clock_motion_path() -> pathlib.Path:
    """Returns the path of a real motion-blurred photo: a wall clock, gray, 400×300 px, public domain, Stefan van der Walt.

    It has no sharp reference and is only for visual inspection.
    """
    return _path("clock_motion.png")


_SMALLEST_SCALE = 0.4  # a smaller photo has little but edges
_GRAY_DIFFERENCE = 3.0  # mean difference between red and blue, in 8-bit levels, below which a photo is gray


def random_photo_crop(rng: np.random.Generator, name: str, size: int, smallest_scale: float = _SMALLEST_SCALE) -> np.ndarray:
    """Returns a random square of a photo at a random scale, randomly flipped.

    Args:
      rng: source of randomness.
      name: name of the photo.
      size: side of the square in pixels.
      smallest_scale: the scale is between this (or what the photo's size allows) and 1. Downscaling also sharpens parts that
        are slightly out of focus.

    Returns:
      uint8 [size, size, 3] sRGB.

    Raises:
      ValueError: the photo is smaller than `size`.
    """
    pixels = load_photo(name)
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


def recolor(rng: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    """Varies exposure, contrast and white balance of a crop, uint8 [H, W, 3]; a gray crop gets a faint tint."""
    gains = rng.uniform(0.8, 1.2) * rng.uniform(0.88, 1.12, 3)
    difference = np.abs(crop[::8, ::8, 0].astype(np.int16) - crop[::8, ::8, 2]).mean()
    if difference < _GRAY_DIFFERENCE:
        gains *= rng.uniform(0.8, 1.1, 3)
    gamma = np.exp(rng.uniform(-0.25, 0.25))
    level = (np.arange(256) / 255.0) ** gamma
    recolored = np.empty_like(crop)
    for channel in range(3):
        table = np.clip(255 * gains[channel] * level, 0, 255).astype(np.uint8)
        recolored[..., channel] = table[crop[..., channel]]
    return recolored
