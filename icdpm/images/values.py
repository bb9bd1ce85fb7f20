"""Pixels as files hold them and values as networks take them."""

import numpy as np


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
