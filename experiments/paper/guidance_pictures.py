"""What the guidance networks see in a picture, and what they make of it, as pictures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from icdpm.images.pixels import pad_to_multiple, to_pixels, to_values


class GuidancePictures(NamedTuple):
    """Attributes, all of pictures uint8 [height/2^k, width/2^k, 3], gray ones with three equal channels, but for the last:

    gray: the blurry picture in gray.
    inputs: {k: what the network of scale k is given}.
    regressions: {k: its regression output}.
    features: {k: h_k, float32 [height/2^k, width/2^k, channels]}.
    """

    gray: np.ndarray
    inputs: dict[int, np.ndarray]
    regressions: dict[int, np.ndarray]
    features: dict[int, np.ndarray]


def guidance_pictures(model, picture):
    """The GuidancePictures of a system and a blurry picture, uint8 [height, width, 3]; scales in rising order."""
    height, width = picture.shape[:2]
    padded = tf.constant(pad_to_multiple(to_values(picture), model.size_multiple)[None])

    def unpadded(values, k):
        return values[0, : -(-height // 2**k), : -(-width // 2**k)].numpy()

    def as_picture(values, k):
        return to_pixels(np.broadcast_to(unpadded(values, k), (*unpadded(values, k).shape[:2], 3)), picture)

    guidance = {int(k): outputs for k, outputs in model.compiled_encode_condition(padded).items()}
    structure = {int(k): values for k, values in model.structure(padded).items()}
    scales = sorted(guidance)
    return GuidancePictures(
        as_picture(tf.image.rgb_to_grayscale(padded), 0),
        {k: as_picture(structure[k], k) for k in scales},
        {k: as_picture(guidance[k][1], k) for k in scales},
        {k: unpadded(guidance[k][0], k) for k in scales},
    )
