"""What FID and KID compare: the features of Inception in the pictures of a set."""

import functools

import numpy as np

from icdpm.metrics.as_uint8 import as_uint8
from icdpm.metrics.weights.cache import kept
from icdpm.metrics.weights.catalog import INCEPTION
from icdpm.torch_file import read_tensors

PROTOCOL = (
    "the 2048 pooled features of the Inception graph of 2015-12-05 (as ported by pytorch-fid) in uint8 RGB pictures, "
    "whole or in patches side by side, resized to 299×299 bilinearly without antialiasing"
)
_BATCH = 32


def inception_features(picture, patch_size=None):
    """The features of one RGB picture, float32 [patches, 2048].

    Args:
      picture: uint8 or float in [0, 1].
      patch_size: the side of the square patches that it is cut into, side by side from the top left; what is left at
        the right and below is unused. None takes it whole, whatever its proportions. The paper does not state what its
        FID was taken over, so name it with every number.

    Raises:
      MetricUnavailable: the weights are not in the cache.
      ValueError: the picture is smaller than a patch.
    """
    patches = _patches(as_uint8(picture), patch_size)
    network = _network()
    batches = (patches[start : start + _BATCH] for start in range(0, len(patches), _BATCH))
    return np.concatenate([network(batch) for batch in batches])


def _patches(picture, size):
    """[patches, height, width, 3]."""
    if size is None:
        return picture[None]
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    if not rows * columns:
        raise ValueError(f"patches of {size}×{size} do not fit into a picture of {picture.shape[1]}×{picture.shape[0]}")
    picture = picture[: rows * size, : columns * size]
    return picture.reshape(rows, size, columns, size, 3).swapaxes(1, 2).reshape(-1, size, size, 3)


@functools.lru_cache(maxsize=1)
def _network():
    """A function of pictures, uint8 [batch, height, width, 3], to their features, arrays both."""
    tensors = read_tensors(kept(INCEPTION))
    # TensorFlow is not needed to say that weights are missing.
    import tensorflow as tf

    from icdpm.metrics.networks.convolution import full_precision
    from icdpm.metrics.networks.inception import SIDE, Inception

    network = Inception(tensors)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)], autograph=False)
    def features(pictures):
        x = tf.image.resize(tf.cast(pictures, tf.float32) / 255, [SIDE, SIDE])
        return network(2 * x - 1)

    def in_full_precision(pictures):
        with full_precision():
            return features(pictures).numpy()

    return in_full_precision
