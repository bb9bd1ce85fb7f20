"""A photo before | after."""

import dataclasses

import numpy as np


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
