"""Contents of the extra outputs: the comparison with the input, and the spread (standard deviation) of the samples."""

from __future__ import annotations

import dataclasses
import io
import math

import numpy as np
import PIL.Image
import PIL.PngImagePlugin

from icdpm.images.formats import Image
from icdpm.images.metadata import Metadata


def make_comparison(image: Image, pixels: np.ndarray) -> Image:
    """Returns an image of before | after, separated by a thin white line.

    Args:
      image: the blurry image.
      pixels: its restored pixels.
    """
    before = dataclasses.replace(image, exif=b"", metadata=Metadata(colors=image.metadata.colors), notices=())
    alpha = None if image.alpha is None else _join(image.alpha, image.alpha)
    return dataclasses.replace(before, pixels=_join(image.pixels, pixels), alpha=alpha)


def _join(left, right):
    line = np.full_like(left[:, : max(1, left.shape[1] // 200)], np.iinfo(left.dtype).max)
    return np.concatenate([left, line, right], axis=1)


def encode_spread(spread: np.ndarray) -> tuple[bytes, str]:
    """Encodes the spread of samples as a gray PNG file, black where all samples are equal.

    White is the smallest integer number of gray levels, at least 1, that 99 % of the pixels do not exceed. The file states it
    under "Description".

    Args:
      spread: float32 [height, width, channels] or [height, width], standard deviations in gray levels (0–255). Channels are
        combined by the root of their mean square.

    Returns:
      (the bytes of the file, a clause that states the value of white).
    """
    gray = spread if spread.ndim == 2 else np.sqrt(np.einsum("hwc,hwc->hw", spread, spread) / spread.shape[-1])
    white = max(1, math.ceil(np.quantile(gray, 0.99)))
    scale = f"white is a standard deviation of {white} 8-bit step{'s' * (white > 1)} or more"
    metadata = PIL.PngImagePlugin.PngInfo()
    metadata.add_text("Description", f"Spread of the samples: {scale}, black is 0")
    file = io.BytesIO()
    levels = np.clip(np.round(gray * (255 / white)), 0, 255).astype(np.uint8)
    PIL.Image.fromarray(levels).save(file, "PNG", pnginfo=metadata)
    return file.getvalue(), scale


def encode_array(array: np.ndarray) -> bytes:
    """Encodes an array as a .npy file. (Written from the buffer of its BytesIO, the bytes crash Python 3.12.1.)"""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
