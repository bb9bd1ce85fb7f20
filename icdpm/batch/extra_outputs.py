"""Where a model is guessing: the spread of its samples as files, a picture and an array."""

import dataclasses
import io
import math

import numpy as np
import PIL.Image
import PIL.PngImagePlugin


def encode_spread(spread):
    """The spread of samples as a gray PNG: black where all samples agree.

    White is the first whole number of steps, from 1, that 99 % of the pixels stay below. The file says which, under
    "Description".

    Args:
      spread: float32 [height, width, channels] or [height, width], standard deviations in 8-bit steps. Over the channels
        the root of the mean square is shown.

    Returns:
      (the bytes of the file, a clause that says what white is).
    """
    shown = spread if spread.ndim == 2 else np.sqrt(np.einsum("hwc,hwc->hw", spread, spread) / spread.shape[-1])
    white = max(1, math.ceil(np.quantile(shown, 0.99)))
    scale = f"white is a standard deviation of {white} 8-bit step{'s' * (white > 1)} or more"
    described = PIL.PngImagePlugin.PngInfo()
    described.add_text("Description", f"Spread of the samples: {scale}, black is 0")
    file = io.BytesIO()
    gray = np.clip(np.round(shown * (255 / white)), 0, 255).astype(np.uint8)
    PIL.Image.fromarray(gray).save(file, "PNG", pnginfo=described)
    return file.getvalue(), scale


def encode_array(array):
    """The bytes of a .npy file. They are a copy: written from its BytesIO's buffer, they crash Python 3.12.1."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def before_and_after(photo, pixels):
    """A Photo of both, side by side, with a thin white line between them.

    Args:
      photo: a Photo.
      pixels: its restored pixels.
    """
    before = dataclasses.replace(photo, exif=b"", notices=())
    alpha = None if photo.alpha is None else _side_by_side(photo.alpha, photo.alpha)
    return dataclasses.replace(before, pixels=_side_by_side(photo.pixels, pixels), alpha=alpha)


def _side_by_side(left, right):
    line = np.full_like(left[:, : max(1, left.shape[1] // 200)], np.iinfo(left.dtype).max)
    return np.concatenate([left, line, right], axis=1)
