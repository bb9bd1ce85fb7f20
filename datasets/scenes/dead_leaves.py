"""Dead leaves: things of all sizes that hide one another.

As in Lee, Mumford and Huang, "Occlusion Models for Natural Images", IJCV 2001: sizes follow r^-3, which gives pictures
the statistics of nature, the same at any scale.
"""

import math

import numpy as np
from PIL import Image, ImageDraw

from icdpm_datasets.scenes.paint import TEXTURE_SIZE, gradient, outline, palette, shade, textured

_TEXTURED_FROM = 22.0  # px of the canvas: smaller leaves are plain
_COVER = 2.0  # painted area relative to the canvas: little of the ground is left to see


def leaf_radii(rng: np.random.Generator, size: int) -> np.ndarray:
    """Radii in canvas pixels (the canvas is later halved) with density ∝ r^-3, enough to cover `size`² canvas pixels.

    The smallest is 3 to 20 px, from fine foliage to a few bold things; the largest a sixth to four tenths of `size`.
    """
    smallest, largest = 3.0 * math.exp(rng.uniform(0.0, 1.9)), rng.uniform(0.17, 0.4) * size
    mean_area = math.pi * 2 * math.log(largest / smallest) / (smallest**-2 - largest**-2)
    count = int(_COVER * size**2 / (0.7 * mean_area))  # 0.7: the mean aspect of an outline
    quantile = rng.random(count)
    return (smallest**-2 - quantile * (smallest**-2 - largest**-2)) ** -0.5


def paint_dead_leaves(rng: np.random.Generator, canvas: Image.Image) -> None:
    """Covers an RGB canvas, at most TEXTURE_SIZE², with leaves; plain small ones, textured or shaded large ones."""
    size = canvas.width
    colours = palette(rng, int(rng.integers(4, 10)))
    contrast = rng.uniform(0.05, 0.35)
    canvas.paste(textured(rng, canvas.size, colours, contrast))
    draw = ImageDraw.Draw(canvas)
    radii = leaf_radii(rng, size)
    centres = rng.uniform(0, size, (len(radii), 2))
    fills = shade(rng, colours, len(radii))
    for (x, y), radius, fill in zip(centres.tolist(), radii.tolist(), fills):
        if radius < _TEXTURED_FROM:
            points = outline(rng, x, y, radius) if radius > 8 else _small_leaf(x, y, radius, fill[0])
            draw.polygon(points, fill=fill)
        else:
            _paste_leaf(rng, canvas, x, y, radius, colours, contrast)


def _small_leaf(x: float, y: float, radius: float, turn: int) -> list[float]:
    """A lozenge: at a few pixels nobody sees more."""
    cos, sin = radius * math.cos(turn), radius * math.sin(turn)
    return [x + cos, y + sin, x - 0.7 * sin, y + 0.7 * cos, x - cos, y - sin, x + 0.7 * sin, y - 0.7 * cos]


def _paste_leaf(
    rng: np.random.Generator,
    canvas: Image.Image,
    x: float,
    y: float,
    radius: float,
    colours: np.ndarray,
    contrast: float,
) -> None:
    """One large leaf: textured, or with a gradient across it as round things have."""
    reach = min(int(1.35 * radius) + 1, TEXTURE_SIZE // 2)
    box = (2 * reach, 2 * reach)
    mask = Image.new("L", box)
    ImageDraw.Draw(mask).polygon(outline(rng, reach, reach, radius), fill=255)
    if rng.random() < 0.6:
        fill = textured(rng, box, colours, contrast * rng.uniform(0.5, 1.5))
    else:
        fill = gradient(box, *shade(rng, colours[[rng.integers(len(colours))]], 2), rng.uniform(0, 2 * np.pi))
    canvas.paste(fill, (int(x) - reach, int(y) - reach), mask)
