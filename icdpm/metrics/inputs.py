"""Checks and color conversions of the images that metrics compare."""

from __future__ import annotations

import numpy as np

from icdpm.errors import IcdpmError

# The first row of MATLAB's rgb2gray: the inverse of its NTSC matrix, with the digits that decide how a value is rounded.
_GRAY = np.linalg.inv([[1.0, 0.956, 0.621], [1.0, -0.272, -0.647], [1.0, -1.106, 1.703]])[0]
# ITU-R BT.601, 8 bits, studio range.
_Y = np.array([65.481, 128.553, 24.966]) / 255


class MetricUndefined(IcdpmError):
    """Error of a metric that is not defined for an image, such as one that is too small; other images may have a value."""


def as_uint8_pair(restored: np.ndarray, sharp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns two images of equal size as uint8 arrays.

    Raises:
      ValueError: an image is invalid (see `as_uint8`), or the sizes differ.
    """
    restored, sharp = as_uint8(restored, "restored image"), as_uint8(sharp, "sharp image")
    if restored.shape != sharp.shape:
        sizes = "a restored image of {1}×{0} and a sharp one of {3}×{2}".format(*restored.shape[:2], *sharp.shape[:2])
        raise ValueError(f"Both images must have the same size. Received: {sizes} pixels.")
    return restored, sharp


def as_levels_pair(restored: np.ndarray, sharp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns two images of equal size in levels of 8 bits, without loss.

    Args:
      restored: restored image, as for `as_uint8_pair`.
      sharp: sharp image, likewise.

    Returns:
      Two uint8 arrays, or float64 arrays in 0…255 if one of the images is uint16: its peak, 65535, is then 255.

    Raises:
      ValueError: as for `as_uint8_pair`.
    """
    restored, sharp = np.asarray(restored), np.asarray(sharp)
    eight_bit = as_uint8_pair(restored, sharp)  # checks both
    if np.uint16 not in (restored.dtype, sharp.dtype):
        return eight_bit
    first, second = (
        image / 257.0 if image.dtype == np.uint16 else rounded.astype(np.float64)
        for image, rounded in zip((restored, sharp), eight_bit)
    )
    return first, second


def as_uint8(image: np.ndarray, name: str = "image") -> np.ndarray:
    """Returns an image as a uint8 array.

    Args:
      image: RGB, [height, width, 3], uint8, uint16 or float in [0, 1]; the last two are rounded.
      name: for error messages.

    Raises:
      ValueError: the image has another shape, type or range.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != 3 or image.size == 0:
        raise ValueError(f"The {name} must be RGB, [height, width, 3]. Received: shape {list(image.shape)}.")
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.uint16:
        return np.round(image / 257).astype(np.uint8)
    if image.dtype.kind != "f":
        raise ValueError(f"The {name} must be uint8, uint16 or float. Received: {image.dtype}.")
    if not np.isfinite(image).all():
        raise ValueError(f"The {name} must be finite. Received: NaN or infinite values.")
    if image.min() < 0 or image.max() > 1:
        raise ValueError(f"The {name} must have values in [0, 1] if it is float. Received: {image.min():g} to {image.max():g}.")
    return np.round(image.astype(np.float64) * 255).astype(np.uint8)


def check_size(shape: tuple[int, ...], smallest: int, metric: str) -> None:
    """Raises `MetricUndefined` if an image of a shape [height, width, …] has a side shorter than `smallest` pixels."""
    height, width = shape[:2]
    if min(height, width) < smallest:
        raise MetricUndefined(f"{metric} needs images of at least {smallest}×{smallest} pixels. Received: {width}×{height}.")


def matlab_gray(image: np.ndarray) -> np.ndarray:
    """Returns MATLAB's `rgb2gray` of an image: float64 [height, width] in 0…255, rounded to its depth with halves up.

    Args:
      image: uint8 [height, width, 3], or a float64 image of `as_levels_pair`, which has 16 bits.
    """
    if image.dtype == np.uint8:
        return np.floor(image @ _GRAY + 0.5)
    return np.floor(image @ _GRAY * 257 + 0.5) / 257


def studio_y(image: np.ndarray) -> np.ndarray:
    """Returns the luma Y of BT.601 of an image in levels of 8 bits: float64 [height, width] in 16…235, not rounded."""
    return image @ _Y + 16
