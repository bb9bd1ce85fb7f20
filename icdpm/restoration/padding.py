"""Any size, for networks that need multiples."""

import numpy as np


def pad_to_multiple(image, factor):
    """Reflects an image [height, width, …] beyond its right and bottom edges up to multiples of `factor`.

    Crop the result of the network with [:height, :width]. Reflection, as numpy does it, also serves images smaller than
    what is added.
    """
    height, width = image.shape[:2]
    return np.pad(image, [(0, -height % factor), (0, -width % factor)] + [(0, 0)] * (image.ndim - 2), mode="reflect")
