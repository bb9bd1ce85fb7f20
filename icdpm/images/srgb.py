"""Exact sRGB transfer functions of IEC 61966-2-1: stored values to linear light and back.

Light is additive in linear values only: operations that add it (blur, sensor noise, averages of regions) must use them.
"""

from __future__ import annotations

import functools

import numpy as np


@functools.lru_cache(maxsize=2)
def light_tables(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Returns lookup tables of linear light in [0, 1] and of its slope, by stored value.

    Args:
      dtype: uint8 or uint16.

    Returns:
      Two float32 arrays [256 or 65536], read-only.
    """
    encoded = np.linspace(0.0, 1.0, np.iinfo(dtype).max + 1)
    straight, base = encoded <= 0.04045, (encoded + 0.055) / 1.055
    light = np.where(straight, encoded / 12.92, base**2.4)
    slope = np.where(straight, 1 / 12.92, 2.4 / 1.055 * base**1.4)
    tables = light.astype(np.float32), slope.astype(np.float32)
    for table in tables:
        table.setflags(write=False)
    return tables


def to_linear(image: np.ndarray) -> np.ndarray:
    """Returns the linear light, float32 in [0, 1], of an sRGB image, uint8 or uint16 of any shape."""
    return light_tables(image.dtype)[0][image]


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """Returns the sRGB image, uint8, of linear light of any shape: clipped to [0, 1] like a sensor, encoded, rounded."""
    linear = np.clip(linear, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    return np.rint(255.0 * encoded).astype(np.uint8)
