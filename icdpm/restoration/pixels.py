"""Pictures of people's own as pixels that can be restored, and back."""

import numpy as np

from icdpm.errors import IcdpmError


def as_pixels(array):
    """An array as pixels that can be restored.

    Args:
      array: [height, width, 3] sRGB or [height, width] gray (or what NumPy makes one of, such as a Pillow picture); uint8,
        uint16, or float in [0, 1].

    Returns:
      uint8 or uint16 of that shape; floats become uint16.

    Raises:
      IcdpmError: it is anything else.
    """
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise IcdpmError("a picture is an array [height, width, 3] or, gray, [height, width]; rows here differ") from error
    if array.ndim not in (2, 3) or array.ndim == 3 and array.shape[-1] != 3:
        raise IcdpmError(
            f"a picture is an array [height, width, 3] or, gray, [height, width]; this one has the shape {list(array.shape)}"
        )
    if not array.size:
        raise IcdpmError(f"the picture is empty: its shape is {list(array.shape)}")
    if array.dtype in (np.uint8, np.uint16):
        return array
    if array.dtype.kind != "f":
        raise IcdpmError(f"a picture is uint8, uint16, or float in [0, 1]; this one is {array.dtype}")
    if not np.isfinite(array).all():
        raise IcdpmError("the picture holds values that are NaN or infinite")
    low, high = array.min(), array.max()
    if low < 0 or high > 1:
        raise IcdpmError(f"a picture of floats is in [0, 1]; this one reaches from {low:g} to {high:g}")
    return np.round(array.astype(np.float64) * 65535).astype(np.uint16)


def as_kind_of(pixels, array):
    """Pixels, of what `as_pixels` made of an array, as that array's kind: float32 in [0, 1] if it held floats."""
    return (pixels / 65535).astype(np.float32) if np.asarray(array).dtype.kind == "f" else pixels


def pad_to_multiple(image, factor):
    """Reflects an image [height, width, …] beyond its right and bottom edges up to multiples of `factor`.

    Crop the result of the network with [:height, :width]. Reflection, as numpy does it, also serves images smaller than
    what is added.
    """
    height, width = image.shape[:2]
    return np.pad(image, [(0, -height % factor), (0, -width % factor)] + [(0, 0)] * (image.ndim - 2), mode="reflect")
