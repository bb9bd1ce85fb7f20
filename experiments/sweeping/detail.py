"""How much fine detail a restored picture has, beside the sharp one; it needs no weights and fits any size."""

import numpy as np

from icdpm.metrics.as_uint8 import as_uint8_pair

PROTOCOL = (
    "mean absolute Laplacian (4 neighbours) of the restored picture over that of the sharp one: "
    "below 1 is smoother than the truth, above 1 has grain or ringing that is not there"
)


def detail(restored, sharp):
    """The ratio; 1 is right. Pictures as `icdpm.metrics` takes them, 3×3 or larger and the sharp one not of one colour."""
    restored, sharp = as_uint8_pair(restored, sharp)
    return float(_laplacian(restored) / _laplacian(sharp))


def _laplacian(picture):
    picture = picture.astype(np.float64)
    neighbours = picture[:-2, 1:-1] + picture[2:, 1:-1] + picture[1:-1, :-2] + picture[1:-1, 2:]
    return np.abs(4 * picture[1:-1, 1:-1] - neighbours).mean()
