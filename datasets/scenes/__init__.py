"""Sharp scenes drawn by chance: nothing to download, free to use, and never the same twice."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from icdpm_datasets.scenes.architecture import paint_architecture, paint_cable
from icdpm_datasets.scenes.dead_leaves import paint_dead_leaves
from icdpm_datasets.scenes.lettering import paint_lettering, paint_sign
from icdpm_datasets.scenes.paint import TEXTURE_SIZE, light_falloff, outline

_OVERSAMPLING = 2  # scenes are drawn twice as large and averaged down, so that every edge is antialiased
LARGEST = TEXTURE_SIZE // _OVERSAMPLING  # px
KINDS = ("deadleaves", "text", "architecture", "night", "mixed")


def scene(rng: np.random.Generator, size: int, kind: str) -> np.ndarray:
    """A sharp scene, uint8 [size, size, 3] sRGB, a pure function of the generator's state.

    Args:
      rng: source of randomness.
      size: width and height in pixels, at most `LARGEST`.
      kind: one of `KINDS`.

    Raises ValueError where the kind is unknown or the size too large.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of scene {kind!r}: known are {', '.join(KINDS)}")
    if size > LARGEST:
        raise ValueError(f"a scene of {size} px is too large: at most {LARGEST} px")
    canvas = Image.new("RGB", (_OVERSAMPLING * size,) * 2)
    if kind == "deadleaves":
        paint_dead_leaves(rng, canvas)
    elif kind == "text":
        paint_lettering(rng, canvas)
    elif kind == "architecture":
        paint_architecture(rng, canvas)
    elif kind == "night":
        (paint_architecture if rng.random() < 0.8 else paint_dead_leaves)(rng, canvas)
        canvas = darken(canvas, rng.uniform(0.2, 0.5))
        paint_lamps(rng, canvas)
    else:
        (paint_architecture if rng.random() < 0.5 else paint_dead_leaves)(rng, canvas)
        for _ in range(rng.integers(1, 4)):
            paint_sign(rng, canvas)
        for _ in range(rng.integers(1, 5)):
            paint_cable(rng, canvas)
    return light_falloff(rng, np.asarray(canvas.reduce(_OVERSAMPLING)))


def object_mask(rng: np.random.Generator, size: int) -> np.ndarray:
    """The antialiased silhouette of one object somewhere near the middle, uint8 [size, size], 255 where it covers."""
    mask = Image.new("L", (_OVERSAMPLING * size,) * 2)
    draw = ImageDraw.Draw(mask)
    x, y = (rng.uniform(0.25, 0.75, 2) * mask.width).tolist()
    radius = float(rng.uniform(0.1, 0.24) * mask.width)
    draw.polygon(outline(rng, x, y, radius), fill=255)
    for _ in range(rng.integers(0, 4)):  # limbs, wheels, a head: parts that overlap the body
        dx, dy = rng.normal(0, 0.7 * radius, 2).tolist()
        draw.polygon(outline(rng, x + dx, y + dy, radius * float(rng.uniform(0.25, 0.7))), fill=255)
    return np.asarray(mask.reduce(_OVERSAMPLING))


def darken(canvas: Image.Image, light: float) -> Image.Image:
    """The canvas at `light` times its brightness, as after sunset."""
    return canvas.point([int(light * value) for value in range(256)] * 3)


def paint_lamps(rng: np.random.Generator, canvas: Image.Image) -> None:
    """A few to many small lamps on an RGB canvas, white to amber, some coloured."""
    draw = ImageDraw.Draw(canvas)
    for _ in range(rng.integers(4, 30)):
        x, y = (rng.random(2) * canvas.width).tolist()
        warmth = rng.uniform(0, 60)
        fill = (255, int(255 - 0.6 * warmth), int(255 - 2.4 * warmth))
        if rng.random() < 0.2:
            fill = tuple(int(value) for value in rng.permutation((255, 120, 70)))
        draw.polygon(outline(rng, x, y, min(2.0 + rng.exponential(3.0), 14.0)), fill=fill)
