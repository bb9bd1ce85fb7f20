"""Random pieces of the embedded photos, as different from one another as a few photos allow."""

from __future__ import annotations

import numpy as np
from PIL import Image

from icdpm_datasets.photos import photo

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
