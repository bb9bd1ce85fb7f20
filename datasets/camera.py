"""Models of a camera: response, saturation and sensor noise.

Frames are averaged in linear light, as a sensor integrates it. The camera's response maps light to the values of an image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from icdpm.images.srgb import to_linear, to_srgb

_LUMINANCE = (0.2126, 0.7152, 0.0722)  # of R, G, B in linear light, Rec. 709


class Response(NamedTuple):
    """A camera response.

    Attributes:
      decode: converts uint8 of any shape to light, float32 in [0, 1].
      encode: converts light to uint8, clipped and rounded to nearest; the inverse of `decode`.
    """

    decode: Callable[[np.ndarray], np.ndarray]
    encode: Callable[[np.ndarray], np.ndarray]


def _power(gamma: float) -> Response:
    table = (np.arange(256) / 255.0).astype(np.float32) ** np.float32(gamma)
    return Response(
        decode=lambda image: table[image],
        encode=lambda light: np.rint(255.0 * np.clip(light, 0.0, 1.0) ** (1 / gamma)).astype(np.uint8),
    )


# "linear" was used for GoPro's blur and "gamma2.2" for its blur_gamma (Nah et al., 2017); "srgb" is IEC 61966-2-1.
RESPONSES = {"linear": _power(1.0), "gamma2.2": _power(2.2), "srgb": Response(to_linear, to_srgb)}


def brighten_highlights(rng: np.random.Generator, linear: np.ndarray) -> np.ndarray:
    """Raises the brightest parts of a scene above 1, as lamps and reflections are brighter than a sensor records.

    Blurred and then clipped, such highlights leave the hard white streaks of real photos, which blur of clipped values cannot.

    Args:
      rng: source of randomness.
      linear: linear light, float32 [..., 3] in [0, 1].

    Returns:
      Linear light of the same shape in [0, 8].
    """
    threshold = rng.uniform(0.6, 0.9)
    gain = rng.uniform(2.0, 8.0)
    luminance = sum(weight * linear[..., k] for k, weight in enumerate(_LUMINANCE))
    bright = np.clip((luminance - threshold) / (1 - threshold), 0.0, 1.0)[..., None]
    return linear * (1 + (gain - 1) * bright * bright)


def add_noise(rng: np.random.Generator, linear: np.ndarray, strongest: float = 0.01) -> np.ndarray:
    """Adds shot noise (variance proportional to the light) and read noise to linear light, float32 of any shape.

    The strength is random: the standard deviation at full light is 0 to `strongest`, that of read noise 0 to a tenth of it.
    """
    shot = rng.uniform(0.0, strongest) ** 2
    read = rng.uniform(0.0, strongest / 10)
    deviation = np.sqrt(shot * np.clip(linear, 0.0, 1.0) + read**2)
    return linear + deviation * rng.standard_normal(linear.shape, np.float32)
