"""The sRGB transfer functions of IEC 61966-2-1, exactly: 8-bit picture values to linear light and back.

Light adds up in linear values only. Blur and noise happen on the sensor, so both are made in linear light.
"""

import numpy as np


def _decode(encoded: np.ndarray) -> np.ndarray:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


_LINEAR_OF_BYTE = _decode(np.arange(256) / 255.0).astype(np.float32)


def to_linear(picture: np.ndarray) -> np.ndarray:
    """Linear light, float32 in [0, 1], of an 8-bit sRGB picture of any shape."""
    return _LINEAR_OF_BYTE[picture]


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """8-bit sRGB of linear light of any shape: clipped to [0, 1] as a sensor saturates, encoded, rounded to nearest."""
    linear = np.clip(linear, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    return np.rint(255.0 * encoded).astype(np.uint8)
