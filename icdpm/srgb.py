"""The sRGB transfer functions of IEC 61966-2-1, exactly: stored picture values to linear light and back.

Light adds up in linear values only, so whatever sums it (blur, sensor noise, regions of a picture) does so in them.
"""

from __future__ import annotations

import functools

import numpy as np


@functools.lru_cache(maxsize=2)
def light_tables(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Tables by stored value of uint8 or uint16: its light in [0, 1], and the slope of that; float32, read-only."""
    encoded = np.linspace(0.0, 1.0, np.iinfo(dtype).max + 1)
    straight, base = encoded <= 0.04045, (encoded + 0.055) / 1.055
    light = np.where(straight, encoded / 12.92, base**2.4)
    slope = np.where(straight, 1 / 12.92, 2.4 / 1.055 * base**1.4)
    tables = light.astype(np.float32), slope.astype(np.float32)
    for table in tables:
        table.setflags(write=False)
    return tables


def to_linear(picture: np.ndarray) -> np.ndarray:
    """Linear light, float32 in [0, 1], of an sRGB picture of 8 or 16 bits and any shape."""
    return light_tables(picture.dtype)[0][picture]


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """8-bit sRGB of linear light of any shape: clipped to [0, 1] as a sensor saturates, encoded, rounded to nearest."""
    linear = np.clip(linear, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    return np.rint(255.0 * encoded).astype(np.uint8)
