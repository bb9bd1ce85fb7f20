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
    """Values [height, width, 3] in [−1, 1] as a picture of the kind (dtype, gray or RGB) that the picture `like` is.

    A gray one is the mean of the channels: none of the three is closer to the truth than the others.
    """
    if like.ndim == 2:
        values = values.mean(axis=-1)
    most = np.iinfo(like.dtype).max
    return np.clip(np.round((values + 1.0) * (most / 2)), 0, most).astype(like.dtype)
