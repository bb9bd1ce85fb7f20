"""Lamps at night: small bright lights, whose blur draws the camera's path into the picture."""

import numpy as np
from PIL import Image, ImageDraw

from icdpm_datasets.scenes.shapes import outline


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
