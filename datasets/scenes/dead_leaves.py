"""Dead-leaves scenes: shapes of all sizes that occlude each other.

Sizes follow r⁻³, which gives images the scale-invariant statistics of nature (Lee, Mumford and Huang, "Occlusion Models for
Natural Images", IJCV 2001).
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from icdpm_datasets.scenes.paint import TEXTURE_SIZE, gradient, outline, palette, shade, textured

_TEXTURED_FROM = 22.0  # px of the canvas; smaller leaves are plain
_COVER = 2.0  # painted area relative to the canvas, so that little of the background is visible


def leaf_radii(rng: np.random.Generator, size: int) -> np.ndarray:
    """Returns radii with density ∝ r⁻³, enough to cover a canvas of `size`² pixels.

    The smallest is 3 to 20 px, the largest 0.17 to 0.4 of `size`. The canvas is halved later.
    """
    smallest, largest = 3.0 * math.exp(rng.uniform(0.0, 1.9)), rng.uniform(0.17, 0.4) * size
    mean_area = math.pi * 2 * math.log(largest / smallest) / (smallest**-2 - largest**-2)
    count = int(_COVER * size**2 / (0.7 * mean_area))  # 0.7: the mean aspect of an outline
    quantile = rng.random(count)
    return (smallest**-2 - quantile * (smallest**-2 - largest**-2)) ** -0.5


def paint_dead_leaves(rng: np.random.Generator, canvas: Image.Image) -> None:
    """Covers an RGB canvas, at most TEXTURE_SIZE², with leaves: small ones plain, large ones textured or shaded."""
    size = canvas.width
    colors = palette(rng, int(rng.integers(4, 10)))
    contrast = rng.uniform(0.05, 0.35)
    canvas.paste(textured(rng, canvas.size, colors, contrast))
    draw = ImageDraw.Draw(canvas)
    radii = leaf_radii(rng, size)
    centers = rng.uniform(0, size, (len(radii), 2))
    fills = shade(rng, colors, len(radii))
    for (x, y), radius, fill in zip(centers.tolist(), radii.tolist(), fills):
        if radius < _TEXTURED_FROM:
            points = outline(rng, x, y, radius) if radius > 8 else _small_leaf(x, y, radius, fill[0])
            draw.polygon(points, fill=fill)
        else:
            _paste_leaf(rng, canvas, x, y, radius, colors, contrast)


def _small_leaf(x: float, y: float, radius: float, turn: int) -> list[float]:
    """Returns a lozenge, which suffices at a few pixels."""
    cos, sin = radius * math.cos(turn), radius * math.sin(turn)
    return [x + cos, y + sin, x - 0.7 * sin, y + 0.7 * cos, x - cos, y - sin, x + 0.7 * sin, y - 0.7 * cos]


def _paste_leaf(
    rng: np.random.Generator,
    canvas: Image.Image,
    x: float,
    y: float,
    radius: float,
    colors: np.ndarray,
    contrast: float,
) -> None:
    """Paints a large leaf, textured or with a gradient as round objects have."""
    half = min(int(1.35 * radius) + 1, TEXTURE_SIZE // 2)
    box = (2 * half, 2 * half)
    mask = Image.new("L", box)
    ImageDraw.Draw(mask).polygon(outline(rng, half, half, radius), fill=255)
    if rng.random() < 0.6:
        fill = textured(rng, box, colors, contrast * rng.uniform(0.5, 1.5))
    else:
        fill = gradient(box, *shade(rng, colors[[rng.integers(len(colors))]], 2), rng.uniform(0, 2 * np.pi))
    canvas.paste(fill, (int(x) - half, int(y) - half), mask)
