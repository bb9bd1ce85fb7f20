"""What the metrics accept as pictures."""

import numpy as np


def as_uint8_pair(restored, sharp):
    """The two pictures as uint8 arrays; a ValueError says why they cannot be compared."""
    restored, sharp = as_uint8(restored, "restored picture"), as_uint8(sharp, "sharp picture")
    if restored.shape != sharp.shape:
        sizes = "the restored one is {1}×{0}, the sharp one {3}×{2}".format(*restored.shape[:2], *sharp.shape[:2])
        raise ValueError(f"the pictures differ in size: {sizes}")
    return restored, sharp


def as_uint8(picture, name="picture"):
    """One picture as a uint8 array; a ValueError says why it cannot be measured."""
    picture = np.asarray(picture)
    if picture.ndim != 3 or picture.shape[-1] != 3 or picture.size == 0:
        raise ValueError(f"the {name} is not RGB, [height, width, 3]: its shape is {list(picture.shape)}")
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype.kind != "f":
        raise ValueError(f"the {name} is neither uint8 nor float: its type is {picture.dtype}")
    if not np.isfinite(picture).all():
        raise ValueError(f"the {name} holds values that are NaN or infinite")
    if picture.min() < 0 or picture.max() > 1:
        raise ValueError(
            f"the {name} is float and not in [0, 1]: it reaches from {picture.min():g} to {picture.max():g}"
        )
    return np.round(picture.astype(np.float64) * 255).astype(np.uint8)
