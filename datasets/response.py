"""Camera responses: from the values a picture stores to the light that made them, and back.

Frames are averaged in light, as a sensor sums it. Which light a stored value stands for is the camera's response.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from icdpm.srgb import to_linear, to_srgb


class Response(NamedTuple):
    """A camera response.

    Attributes:
      decode: uint8 of any shape to light, float32 in [0, 1].
      encode: light to uint8, clipped and rounded to nearest; the inverse.
    """

    decode: Callable[[np.ndarray], np.ndarray]
    encode: Callable[[np.ndarray], np.ndarray]


def _power(gamma: float) -> Response:
    light = (np.arange(256) / 255.0).astype(np.float32) ** np.float32(gamma)
    return Response(
        decode=lambda picture: light[picture],
        encode=lambda light: np.rint(255.0 * np.clip(light, 0.0, 1.0) ** (1 / gamma)).astype(np.uint8),
    )


# "linear" made GoPro's blur, "gamma2.2" its blur_gamma (Nah et al., 2017); "srgb" is IEC 61966-2-1.
RESPONSES = {"linear": _power(1.0), "gamma2.2": _power(2.2), "srgb": Response(to_linear, to_srgb)}
