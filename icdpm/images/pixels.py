"""Conversions between arrays of users, pixels of files (uint8, uint16) and values of networks (float in [−1, 1])."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from icdpm.errors import IcdpmError

_SHAPES = "an image is an array [height, width, 3] or, if gray, [height, width]"


def to_values(image: np.ndarray) -> np.ndarray:
    """Converts pixels to network values.

    Args:
      image: uint8 or uint16 [height, width, 3], or gray [height, width].

    Returns:
      float32 [height, width, 3] in [−1, 1]; a gray image has three equal channels.
    """
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=-1)
    return image.astype(np.float32) / (np.iinfo(image.dtype).max / 2) - 1.0


def to_pixels(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Converts network values [height, width, 3] in [−1, 1] to pixels of the dtype of `like`, gray if `like` is gray."""
    return to_levels(to_channels(values, like), like.dtype)


def to_channels(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Converts values [..., 3] to the channels of the image `like`: the mean of the three, float64 [...], if it is gray."""
    return values.mean(axis=-1, dtype=np.float64) if like.ndim == 2 else values


def to_levels(values: np.ndarray, dtype: npt.DTypeLike) -> np.ndarray:
    """Rounds values in [−1, 1] to the levels of an unsigned integer type, with clipping."""
    most = np.iinfo(dtype).max
    # float32 has too few digits to round to 16 bits.
    return np.clip(np.round((values.astype(np.float64) + 1.0) * (most / 2)), 0, most).astype(dtype)


def array_to_pixels(array: npt.ArrayLike) -> np.ndarray:
    """Converts a user's array to pixels.

    Args:
      array: [height, width, 3] sRGB or [height, width] gray, or an object that NumPy converts to one;
        uint8, uint16, or float in [0, 1], in any byte order.

    Returns:
      uint8 or uint16 of the same shape; floats become uint16.

    Raises:
      IcdpmError: another shape, dtype or range.
    """
    kind = type(array).__name__
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise IcdpmError(f"{_SHAPES}; the rows of this one differ in length") from error
    if array.dtype.kind in "OSU":
        raise IcdpmError(f"an image is a path, a Pillow image or an array; this one is of type {kind}; read it first")
    if array.ndim not in (2, 3) or array.ndim == 3 and array.shape[-1] != 3:
        raise IcdpmError(f"{_SHAPES}; this one has the shape {list(array.shape)}")
    if not array.size:
        raise IcdpmError(f"the image is empty: its shape is {list(array.shape)}")
    if array.dtype.newbyteorder("=") in (np.uint8, np.uint16):
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind != "f":
        raise IcdpmError(f"an image is uint8, uint16, or float in [0, 1]; this one is {array.dtype}")
    if not np.isfinite(array).all():
        raise IcdpmError("the image has values that are NaN or infinite")
    low, high = array.min(), array.max()
    if low < 0 or high > 1:
        raise IcdpmError(f"an image of floats has values in [0, 1]; this one has values from {low:g} to {high:g}")
    return np.round(array.astype(np.float64) * 65535).astype(np.uint16)


def pixels_to_array(pixels: np.ndarray, like: npt.ArrayLike) -> np.ndarray:
    """Converts pixels back to the kind of array that `array_to_pixels` received: float32 in [0, 1] if `like` has floats."""
    return (pixels / 65535).astype(np.float32) if np.asarray(like).dtype.kind == "f" else pixels


def pad_to_multiple(image: np.ndarray, multiple: int) -> np.ndarray:
    """Pads an image [height, width, …] by reflection at its right and bottom edges to multiples of `multiple`.

    Crop the network's output to [:height, :width]. NumPy's reflection also serves images that are smaller than the padding.
    """
    height, width = image.shape[:2]
    padding = [(0, -height % multiple), (0, -width % multiple)] + [(0, 0)] * (image.ndim - 2)
    return np.pad(image, padding, mode="reflect")
