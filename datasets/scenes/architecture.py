"""Architecture scenes: façades, windows, tiles, railings and cables, with long straight edges that show motion well."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from icdpm_datasets.scenes.paint import gradient, palette, shade, textured


def paint_architecture(rng: np.random.Generator, canvas: Image.Image) -> None:
    """Covers an RGB canvas with a sky, one to three buildings in perspective, and poles, railings or cables before them."""
    colors = palette(rng, 6)
    canvas.paste(gradient(canvas.size, *shade(rng, colors[:2], 2), rng.normal(np.pi / 2, 0.3)))
    width, height = canvas.size
    for _ in range(rng.integers(1, 4)):
        facade = _facade(rng, (width, height), colors)
        left = int(rng.uniform(-0.4, 0.6) * width)
        top = int(rng.uniform(-0.4, 0.5) * height)
        _paste_in_perspective(rng, canvas, facade, left, top)
    if rng.random() < 0.6:
        _railing(rng, canvas)
    for _ in range(rng.integers(0, 6)):
        paint_cable(rng, canvas)


def _facade(rng: np.random.Generator, size: tuple[int, int], colors: np.ndarray) -> Image.Image:
    """Returns a wall with a grid of windows, tiles or stripes."""
    wall = textured(rng, size, colors, rng.uniform(0.03, 0.25))
    draw = ImageDraw.Draw(wall)
    kind = rng.random()
    if kind < 0.6:
        _windows(rng, draw, size, colors)
    elif kind < 0.8:
        _tiles(rng, draw, size, colors)
    else:
        _bands(rng, draw, size, colors)
    return wall


def _windows(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: tuple[int, int], colors: np.ndarray) -> None:
    """Paints rows of equal windows with frames and crossbars, some lit, some with blinds."""
    pitch_x, pitch_y = rng.uniform(30, 100, 2)
    pane_x, pane_y = pitch_x * rng.uniform(0.4, 0.8), pitch_y * rng.uniform(0.45, 0.85)
    frame, glass, lit, blind = shade(rng, colors, 4)
    glass = tuple(int(0.4 * value) for value in glass)
    border, bars = int(rng.integers(1, 5)), rng.integers(0, 3, 2)
    for y in np.arange(rng.uniform(0, pitch_y), size[1], pitch_y):
        for x in np.arange(rng.uniform(-0.2, 0.2) + pitch_x / 2, size[0], pitch_x):
            chance = rng.random()
            pane = [float(x), float(y), float(x + pane_x), float(y + pane_y)]
            draw.rectangle(pane, fill=lit if chance < 0.15 else glass, outline=frame, width=border)
            if chance > 0.7:
                draw.rectangle([pane[0], pane[1], pane[2], float(y + pane_y * (chance - 0.6) * 2)], fill=blind)
            for k in range(bars[0]):
                across = float(x + pane_x * (k + 1) / (bars[0] + 1))
                draw.line([across, pane[1], across, pane[3]], fill=frame, width=border)
            for k in range(bars[1]):
                along = float(y + pane_y * (k + 1) / (bars[1] + 1))
                draw.line([pane[0], along, pane[2], along], fill=frame, width=border)


def _tiles(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: tuple[int, int], colors: np.ndarray) -> None:
    """Paints bricks or tiles in rows with joints; of bricks every second row is shifted."""
    tile_x, tile_y = rng.uniform(18, 60), rng.uniform(10, 36)
    joint = int(rng.integers(1, 4))
    shift = rng.choice([0.0, 0.5])
    rows, columns = int(size[1] / tile_y) + 1, int(size[0] / tile_x) + 2
    fills = shade(rng, colors[[rng.integers(len(colors))]], rows * columns)
    for row in range(rows):
        for column in range(columns):
            x, y = (column - shift * (row % 2)) * tile_x, row * tile_y
            draw.rectangle([x, y, x + tile_x - joint, y + tile_y - joint], fill=fills[row * columns + column])


def _bands(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: tuple[int, int], colors: np.ndarray) -> None:
    """Paints bands of two colors and uneven width, like awnings, fences, shutters or zebra crossings."""
    one, two = shade(rng, colors, 2)
    period, share = rng.uniform(10, 50), rng.uniform(0.25, 0.75)
    upright = rng.random() < 0.5
    for k, start in enumerate(np.arange(0, size[0] if upright else size[1], period).tolist()):
        end = start + share * period
        box = [start, 0, end, size[1]] if upright else [0, start, size[0], end]
        draw.rectangle(box, fill=one if k % 2 else two)


def _paste_in_perspective(rng: np.random.Generator, canvas: Image.Image, facade: Image.Image, left: int, top: int) -> None:
    """Pastes a façade with its corner at (left, top) in perspective, as seen from the street."""
    a, d = rng.normal(0, 0.18, 2)
    g, h = rng.normal(0, 0.25, 2) / canvas.width
    # Pillow's eight numbers map an output point (x, y) to ((x + a·y − left)/w, (d·x + y − top)/w), w = 1 + g·x + h·y.
    coefficients = (1.0, float(a), -float(left), float(d), 1.0, -float(top), float(g), float(h))
    facade.putalpha(255)
    seen = facade.transform(canvas.size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)
    canvas.paste(seen, (0, 0), seen)


def _railing(rng: np.random.Generator, canvas: Image.Image) -> None:
    """Paints a row of thin bars between two rails, dark or light."""
    draw = ImageDraw.Draw(canvas)
    fill = (int(rng.integers(10, 60)),) * 3 if rng.random() < 0.7 else (int(rng.integers(200, 250)),) * 3
    top, bottom = canvas.height * rng.uniform(0.3, 0.8), canvas.height * rng.uniform(0.85, 1.1)
    slope, pitch, width = rng.normal(0, 0.12), rng.uniform(9, 34), int(rng.integers(2, 6))
    for x in np.arange(-pitch, canvas.width + pitch, pitch).tolist():
        draw.line([x, top + slope * x, x, bottom + slope * x], fill=fill, width=width)
    for y in (top, bottom):
        draw.line([0, y, canvas.width, y + slope * canvas.width], fill=fill, width=width + 3)


def paint_cable(rng: np.random.Generator, canvas: Image.Image) -> None:
    """Paints a sagging cable, pole or twig across an RGB canvas, thin or thick, dark or light."""
    t = np.linspace(0, 1, 24)
    angle, sag = rng.uniform(0, np.pi), rng.normal(0, 0.1)
    center, reach = rng.uniform(0.1, 0.9, 2) * canvas.width, 1.5 * canvas.width
    u, v = (t - 0.5) * reach, sag * canvas.width * (2 * t - 1) ** 2
    x = center[0] + u * np.cos(angle) - v * np.sin(angle)
    y = center[1] + u * np.sin(angle) + v * np.cos(angle)
    tone = int(rng.integers(5, 60)) if rng.random() < 0.6 else int(rng.integers(190, 255))
    line = np.stack([x, y], axis=-1).ravel().tolist()
    ImageDraw.Draw(canvas).line(line, fill=(tone, tone, tone), width=int(rng.integers(1, 9)))
