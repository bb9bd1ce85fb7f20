"""Colors, surfaces and outlines for procedural scenes."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw

Color = tuple[int, int, int]

# Skies, leaves, earth, stone, skin, brick, wood, sea, black and white, and a few signal colors: sRGB, 0 to 255.
_NATURAL = np.array(
    [
        (135, 180, 222), (92, 140, 196), (190, 208, 222), (226, 232, 236), (58, 84, 120), (34, 48, 74),
        (88, 116, 58), (124, 148, 74), (56, 78, 44), (162, 172, 104), (38, 52, 32), (98, 128, 92),
        (140, 108, 78), (176, 144, 106), (96, 70, 50), (62, 46, 36), (206, 180, 142), (120, 94, 72),
        (128, 126, 120), (168, 166, 160), (92, 92, 94), (202, 200, 194), (60, 60, 62), (146, 140, 132),
        (224, 186, 160), (198, 150, 120), (150, 104, 78), (110, 72, 54), (164, 86, 64), (134, 66, 50),
        (20, 20, 22), (36, 34, 34), (240, 238, 232), (250, 250, 248), (12, 14, 18), (216, 214, 210),
        (190, 44, 40), (222, 170, 52), (40, 92, 158), (42, 122, 84), (208, 110, 46), (120, 60, 110),
    ]
)  # fmt: skip

TEXTURE_SIZE = 640  # px: the largest canvas
_TEXTURES = 24
_TEXTURE_SEED = 20221201  # the textures are the same in all scenes of all splits


def palette(rng: np.random.Generator, colors: int) -> np.ndarray:
    """Returns a scene's colors, float64 [colors, 3] in [0, 255]: natural ones, slightly varied in lightness and hue."""
    chosen = _NATURAL[rng.integers(len(_NATURAL), size=colors)]
    lightness = rng.uniform(0.75, 1.2, (colors, 1))
    return np.clip(chosen * lightness + rng.normal(0, 7, (colors, 3)), 0, 255)


def shade(rng: np.random.Generator, colors: np.ndarray, count: int) -> list[Color]:
    """Returns `count` colors near those of a palette, as integers for Pillow."""
    picked = colors[rng.integers(len(colors), size=count)]
    varied = np.clip(picked * rng.uniform(0.8, 1.15, (count, 1)) + rng.normal(0, 5, (count, 3)), 0, 255)
    return [tuple(color) for color in varied.astype(int).tolist()]


def contrasting(rng: np.random.Generator, ground: Color) -> Color:
    """Returns a color that is readable on `ground`: at least 70 levels lighter or darker (Rec. 601 luma)."""
    luma = np.array([0.299, 0.587, 0.114])
    candidates = _NATURAL[rng.permutation(len(_NATURAL))]
    readable = candidates[np.abs(candidates @ luma - np.dot(luma, ground)) > 70]
    red, green, blue = map(int, readable[0])
    return red, green, blue


def gradient(size: tuple[int, int], start: Color, end: Color, angle: float) -> Image.Image:
    """Returns a linear RGB gradient between two colors in the direction `angle` (radians); size is (width, height)."""
    width, height = size
    x = np.linspace(-0.5, 0.5, width) * np.cos(angle)
    y = np.linspace(-0.5, 0.5, height) * np.sin(angle)
    position = (y[:, None] + x[None, :]) / (abs(np.cos(angle)) + abs(np.sin(angle))) + 0.5
    return two_tone(Image.fromarray((255 * position).astype(np.uint8)), start, end)


def two_tone(gray: Image.Image, dark: Color, light: Color) -> Image.Image:
    """Colors a gray image: black becomes `dark`, white `light`, and values between are interpolated."""
    level = np.arange(256) / 255.0
    return Image.merge("RGB", [gray.point((a + (b - a) * level).astype(int).tolist()) for a, b in zip(dark, light)])


def textured(rng: np.random.Generator, size: tuple[int, int], colors: np.ndarray, contrast: float) -> Image.Image:
    """Returns a textured RGB surface between two similar colors.

    Args:
      rng: source of randomness.
      size: (width, height), each at most TEXTURE_SIZE.
      colors: a palette.
      contrast: difference between the darkest and lightest tone, relative to full scale.
    """
    width, height = size
    texture = _textures()[rng.integers(_TEXTURES)]
    x, y = rng.integers(TEXTURE_SIZE - width + 1), rng.integers(TEXTURE_SIZE - height + 1)
    piece = texture.crop((x, y, x + width, y + height))
    base = np.array(shade(rng, colors, 1)[0])
    tint = rng.normal(0, 8, 3)
    half = 127 * contrast
    dark, light = np.clip(base - half - tint, 0, 255), np.clip(base + half + tint, 0, 255)
    return two_tone(piece, tuple(dark.astype(int)), tuple(light.astype(int)))


def light_falloff(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """Applies mild uneven illumination, a slope and an exposure, to a scene, uint8 [S, S, 3]."""
    size = len(pixels)
    ramp = np.linspace(-1.0, 1.0, size, dtype=np.float32)
    slope = rng.uniform(-0.25, 0.25, 2).astype(np.float32)
    light = np.float32(rng.uniform(0.75, 1.1)) * (1 + slope[0] * ramp[:, None] + slope[1] * ramp[None, :])
    return np.clip(pixels * light[..., None], 0, 255).astype(np.uint8)


@functools.cache
def _textures() -> list[Image.Image]:
    """Returns gray textures (mode L, TEXTURE_SIZE²): clouds, grain, stripes, weave, speckle. They are always the same."""
    rng = np.random.default_rng(_TEXTURE_SEED)
    makers = (_clouds, _clouds, _grain, _stripes, _weave, _speckle)
    return [Image.fromarray(_to_bytes(makers[k % len(makers)](rng))) for k in range(_TEXTURES)]


def _to_bytes(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values, (1, 99))
    return np.clip(255 * (values - low) / (high - low), 0, 255).astype(np.uint8)


def _fractal(rng: np.random.Generator, exponent: float, stretch: float = 1.0) -> np.ndarray:
    """Returns noise whose amplitude falls as frequency^−exponent (1 as in natural scenes), stretched along x."""
    fy = np.fft.fftfreq(TEXTURE_SIZE)[:, None]
    fx = np.fft.rfftfreq(TEXTURE_SIZE)[None, :] * stretch
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(TEXTURE_SIZE, TEXTURE_SIZE))) * frequency**-exponent
    return np.fft.irfft2(spectrum, s=(TEXTURE_SIZE, TEXTURE_SIZE))


def _clouds(rng: np.random.Generator) -> np.ndarray:
    return _fractal(rng, rng.uniform(0.9, 1.5))


def _grain(rng: np.random.Generator) -> np.ndarray:
    """Returns noise stretched in one direction, like wood, brushed metal or hair."""
    values = _fractal(rng, rng.uniform(0.7, 1.1), stretch=rng.uniform(6, 14))
    return values if rng.random() < 0.5 else values.T


def _stripes(rng: np.random.Generator) -> np.ndarray:
    """Returns stripes at any angle, like boards, corrugated sheet or striped cloth."""
    y, x = np.mgrid[:TEXTURE_SIZE, :TEXTURE_SIZE]
    angle, period = rng.uniform(0, np.pi), rng.uniform(8, 36)
    bent = _fractal(rng, 1.5)
    phase = (x * np.cos(angle) + y * np.sin(angle)) / period + 0.1 * bent / bent.std()
    return np.tanh(rng.uniform(1, 8) * np.sin(2 * np.pi * phase)) + 0.2 * rng.normal(size=phase.shape)


def _weave(rng: np.random.Generator) -> np.ndarray:
    """Returns two crossed sets of stripes, like cloth, tiles or nets."""
    y, x = np.mgrid[:TEXTURE_SIZE, :TEXTURE_SIZE]
    angle, period = rng.uniform(0, np.pi), rng.uniform(8, 28)
    u = x * np.cos(angle) + y * np.sin(angle)
    v = y * np.cos(angle) - x * np.sin(angle)
    threads = np.sin(2 * np.pi * u / period) * np.sin(2 * np.pi * v / (period * rng.uniform(0.6, 1.6)))
    return np.tanh(rng.uniform(1, 6) * threads) + 0.2 * rng.normal(size=u.shape)


def _speckle(rng: np.random.Generator) -> np.ndarray:
    """Returns many small blobs, like pebbles, distant foliage or granite."""
    image = Image.new("L", (TEXTURE_SIZE, TEXTURE_SIZE), 128)
    draw = ImageDraw.Draw(image)
    count = 6000
    x, y = rng.uniform(-8, TEXTURE_SIZE + 8, (2, count))
    rx, ry = rng.uniform(2, rng.uniform(4, 12), (2, count))
    tone = rng.integers(40, 230, count)
    for box in zip(x - rx, y - ry, x + rx, y + ry, tone):
        draw.ellipse([float(value) for value in box[:4]], fill=int(box[4]))
    return np.asarray(image, np.float64) + rng.normal(0, 8, (TEXTURE_SIZE, TEXTURE_SIZE))


def outline(rng: np.random.Generator, x: float, y: float, radius: float) -> list[float]:
    """Returns a random closed outline: an ellipse, a polygon with corners, or a smooth blob.

    Elongation and orientation are random.

    Args:
      rng: source of randomness.
      x: horizontal position of the center.
      y: vertical position of the center.
      radius: points are at most about 1.3 times as far from the center.

    Returns:
      Coordinates [x0, y0, x1, y1, …] for Pillow.
    """
    kind = rng.integers(4)
    if kind <= 1:  # a disc or an ellipse
        corners = max(10, int(radius))
        angles, radii = np.linspace(0, 2 * np.pi, corners, endpoint=False), np.ones(corners)
    elif kind == 2:  # three to seven corners
        corners = int(rng.integers(3, 8))
        angles = (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) * 2 * np.pi / corners
        radii = rng.uniform(0.75, 1.25, corners)
    else:  # a smooth closed curve with a few lobes
        corners = max(14, int(radius))
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        lobes, phase = rng.uniform(-0.16, 0.16, 3), rng.uniform(0, 2 * np.pi, 3)
        radii = 1 + sum(lobes[k] * np.sin((k + 2) * angles + phase[k]) for k in range(3))
    aspect, turn = rng.uniform(0.4, 1.0), rng.uniform(0, 2 * np.pi)
    u, v = radius * radii * np.cos(angles), aspect * radius * radii * np.sin(angles)
    points = np.stack([x + u * np.cos(turn) - v * np.sin(turn), y + u * np.sin(turn) + v * np.cos(turn)], axis=-1)
    return points.ravel().tolist()
