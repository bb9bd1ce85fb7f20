"""Random procedural scenes: sharp images and object masks that need no download."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from icdpm_datasets.scenes.architecture import paint_architecture, paint_cable
from icdpm_datasets.scenes.dead_leaves import paint_dead_leaves
from icdpm_datasets.scenes.lettering import paint_lettering, paint_sign
from icdpm_datasets.scenes.paint import TEXTURE_SIZE, light_falloff, outline

_OVERSAMPLING = 2  # scenes are painted twice as large and averaged down, so that edges are antialiased
MAX_SIZE = TEXTURE_SIZE // _OVERSAMPLING  # px
KINDS = ("deadleaves", "text", "architecture", "night", "mixed")


def paint_scene(rng: np.random.Generator, size: int, kind: str) -> np.ndarray:
    """Paints a sharp scene, as a pure function of the generator's state.

    Args:
      rng: source of randomness.
      size: width and height in pixels, at most `MAX_SIZE`.
      kind: one of `KINDS`.

    Returns:
      uint8 [size, size, 3] sRGB.

    Raises:
      ValueError: the kind is unknown, or the size is too large.
    """
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {', '.join(KINDS)}. Received: {kind!r}.")
    if size > MAX_SIZE:
        raise ValueError(f"`size` must be at most {MAX_SIZE} px. Received: {size}.")
    canvas = Image.new("RGB", (_OVERSAMPLING * size,) * 2)
    if kind == "deadleaves":
        paint_dead_leaves(rng, canvas)
    elif kind == "text":
        paint_lettering(rng, canvas)
    elif kind == "architecture":
        paint_architecture(rng, canvas)
    elif kind == "night":
        (paint_architecture if rng.random() < 0.8 else paint_dead_leaves)(rng, canvas)
        canvas = _darken(canvas, rng.uniform(0.2, 0.5))
        _paint_lamps(rng, canvas)
    else:
        (paint_architecture if rng.random() < 0.5 else paint_dead_leaves)(rng, canvas)
        for _ in range(rng.integers(1, 4)):
            paint_sign(rng, canvas)
        for _ in range(rng.integers(1, 5)):
            paint_cable(rng, canvas)
    return light_falloff(rng, np.asarray(canvas.reduce(_OVERSAMPLING)))


def paint_object_mask(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paints the antialiased silhouette of an object near the center, uint8 [size, size], 255 inside."""
    mask = Image.new("L", (_OVERSAMPLING * size,) * 2)
    draw = ImageDraw.Draw(mask)
    x, y = (rng.uniform(0.25, 0.75, 2) * mask.width).tolist()
    radius = float(rng.uniform(0.1, 0.24) * mask.width)
    draw.polygon(outline(rng, x, y, radius), fill=255)
    for _ in range(rng.integers(0, 4)):  # parts that overlap the body
        dx, dy = rng.normal(0, 0.7 * radius, 2).tolist()
        draw.polygon(outline(rng, x + dx, y + dy, radius * float(rng.uniform(0.25, 0.7))), fill=255)
    return np.asarray(mask.reduce(_OVERSAMPLING))


def _darken(canvas: Image.Image, light: float) -> Image.Image:
    """Returns the canvas at `light` times its brightness, as after sunset."""
    return canvas.point([int(light * value) for value in range(256)] * 3)


def _paint_lamps(rng: np.random.Generator, canvas: Image.Image) -> None:
    """Paints 4 to 29 small bright lamps, white to amber, some of other colors, whose blur traces the camera's path."""
    draw = ImageDraw.Draw(canvas)
    for _ in range(rng.integers(4, 30)):
        x, y = (rng.random(2) * canvas.width).tolist()
        warmth = rng.uniform(0, 60)
        fill = (255, int(255 - 0.6 * warmth), int(255 - 2.4 * warmth))
        if rng.random() < 0.2:
            red, green, blue = map(int, rng.permutation((255, 120, 70)))
            fill = (red, green, blue)
        draw.polygon(outline(rng, x, y, min(2.0 + rng.exponential(3.0), 14.0)), fill=fill)
