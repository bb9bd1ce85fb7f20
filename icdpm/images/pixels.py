"""Pixels as files hold them and values as networks take them."""

import numpy as np

from icdpm.errors import IcdpmError


def to_values(image):
    """A picture in [−1, 1].

    Args:
      image: uint8 or uint16 [height, width, 3], or gray [height, width].

    Returns:
      float32 [height, width, 3]; a gray picture has three equal channels.
    """
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=-1)
    return image.astype(np.float32) / (np.iinfo(image.dtype).max / 2) - 1.0


def to_pixels(values, like):
    """Values [height, width, 3] in [−1, 1] as a picture of the kind (dtype, gray or RGB) that the picture `like` is."""
    return to_levels(to_channels(values, like), like.dtype)


def to_channels(values, like):
    """Values [..., 3] with the channels of the picture `like`.

    Of a gray one it is the mean of the three: none of them is closer to the truth than the others.
    """
    return values.mean(axis=-1, dtype=np.float64) if like.ndim == 2 else values


def to_levels(values, dtype):
    """Values in [−1, 1] as the levels of an unsigned integer type."""
    most = np.iinfo(dtype).max
    # float32 has too few digits to round to 16 bits.
    return np.clip(np.round((values.astype(np.float64) + 1.0) * (most / 2)), 0, most).astype(dtype)


def array_to_pixels(array):
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


def pixels_to_array(pixels, array):
    """Pixels, of what `array_to_pixels` made of an array, as that array's kind: float32 in [0, 1] if it held floats."""
    return (pixels / 65535).astype(np.float32) if np.asarray(array).dtype.kind == "f" else pixels


def pad_to_multiple(image, factor):
    """Reflects an image [height, width, …] beyond its right and bottom edges up to multiples of `factor`.

    Crop the result of the network with [:height, :width]. Reflection, as numpy does it, also serves images smaller than
    what is added.
    """
    height, width = image.shape[:2]
    return np.pad(image, [(0, -height % factor), (0, -width % factor)] + [(0, 0)] * (image.ndim - 2), mode="reflect")
