"""Lettering scenes: signs, labels and printed pages in the font that Pillow includes, without system fonts."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from icdpm_datasets.scenes.paint import Color, contrasting, gradient, palette, shade, textured

_WORDS = (
    "the and light camera street open market station time water north river coffee stop hotel garden window bread "
    "museum blue harbour exit music summer photo night bridge paper school train radio flower city glass stone "
    "autumn letter shop number winter motion platform sale welcome entrance signal hello world park apple tower"
).split()
_SIGN_SIZES = (28, 36, 46, 58, 72, 90, 116)  # px of the canvas, which is later halved
_PAGE_SIZES = (17, 20, 24, 28, 34)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _word(rng: np.random.Generator) -> str:
    """Returns a word, in one of three capitalizations, or a number."""
    word = _WORDS[rng.integers(len(_WORDS))]
    style = rng.integers(5)
    if style == 0:
        return word.upper()
    if style == 1:
        return word.capitalize()
    if style == 2:
        return str(rng.integers(10 ** int(rng.integers(1, 6))))
    return word


def paint_sign(rng: np.random.Generator, canvas: Image.Image) -> None:
    """Paints a sign of one to three lines on an RGB canvas, often on a panel of its own color and slightly rotated."""
    font = _font(int(rng.choice(_SIGN_SIZES)))
    text = "\n".join(" ".join(_word(rng) for _ in range(rng.integers(1, 3))) for _ in range(rng.integers(1, 4)))
    left, top, right, bottom = ImageDraw.Draw(canvas).multiline_textbbox((0, 0), text, font=font)
    border = int(rng.integers(4, 24))
    width, height = int(right - left) + 2 * border, int(bottom - top) + 2 * border
    panel = Image.new("L", (width, height), 255)
    letters = Image.new("L", (width, height))
    ImageDraw.Draw(letters).multiline_text((border - left, border - top), text, fill=255, font=font, align="center")
    angle = rng.normal(0, 12) if rng.random() < 0.8 else rng.uniform(-90, 90)
    letters = letters.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    place = (
        int(rng.uniform(-0.3, 0.9) * canvas.width - 0.2 * letters.width),
        int(rng.uniform(0.0, 0.95) * canvas.height - 0.5 * letters.height),
    )
    ground = _mean_color(canvas, place, letters.size)
    if rng.random() < 0.7:
        ground = shade(rng, palette(rng, 1), 1)[0]
        panel = panel.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        canvas.paste(ground, place, panel)
    canvas.paste(contrasting(rng, ground), place, letters)


def _mean_color(canvas: Image.Image, place: tuple[int, int], size: tuple[int, int]) -> Color:
    """Returns the mean color of the part of the canvas that a rectangle of `size` at `place` covers."""
    left, top = max(place[0], 0), max(place[1], 0)
    right = max(min(place[0] + size[0], canvas.width), left + 1)
    bottom = max(min(place[1] + size[1], canvas.height), top + 1)
    return canvas.resize((1, 1), Image.Resampling.BOX, box=(left, top, right, bottom)).getpixel((0, 0))


def paint_page(rng: np.random.Generator, canvas: Image.Image) -> None:
    """Covers an RGB canvas with lines of small print and occasional headlines on a plain or slightly uneven background."""
    light, other = shade(rng, palette(rng, 2), 2)
    if rng.random() < 0.6:
        light = (245, 243, 236)
    ink = contrasting(rng, light)
    near = tuple(int(0.85 * a + 0.15 * b) for a, b in zip(light, other))
    canvas.paste(gradient(canvas.size, light, near, rng.uniform(0, 2 * np.pi)))
    letters = Image.new("L", canvas.size)
    draw = ImageDraw.Draw(letters)
    size = int(rng.choice(_PAGE_SIZES))
    y = float(rng.uniform(-size, size))
    margin = rng.uniform(-0.2, 0.1) * canvas.width
    while y < canvas.height:
        headline = rng.random() < 0.06
        font = _font(2 * size if headline else size)
        line = " ".join(_word(rng) for _ in range(max(3, int(canvas.width / (2.6 * size)))))
        draw.text((margin, y), line, fill=255, font=font)
        y += (2.0 if headline else 1.0) * size * 1.3 + (size if rng.random() < 0.12 else 0)
    angle = rng.normal(0, 4)
    canvas.paste(ink, (0, 0), letters.rotate(angle, Image.Resampling.BILINEAR))


def paint_lettering(rng: np.random.Generator, canvas: Image.Image) -> None:
    """Covers an RGB canvas with a printed page, or with several signs on a textured or graded wall."""
    if rng.random() < 0.4:
        paint_page(rng, canvas)
        return
    colors = palette(rng, 4)
    if rng.random() < 0.5:
        canvas.paste(textured(rng, canvas.size, colors, rng.uniform(0.05, 0.3)))
    else:
        canvas.paste(gradient(canvas.size, *shade(rng, colors, 2), rng.uniform(0, 2 * np.pi)))
    for _ in range(rng.integers(3, 7)):
        paint_sign(rng, canvas)
