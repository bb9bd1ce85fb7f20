"""Inception features of images, and sets of them, which FID and KID compare."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Union

import numpy as np

from icdpm.metrics.inputs import MetricUndefined, as_uint8
from icdpm.metrics.weights import INCEPTION, load_weights

PROTOCOL = (
    "the 2048 pooled features of the Inception graph of 2015-12-05 (as ported by pytorch-fid) in uint8 RGB images, "
    "whole or in patches side by side, resized to 299×299 bilinearly without antialiasing"
)
_BATCH = 32

# Features of the images of a set: an array [n, features], or an iterable of such arrays, which is read once.
FeatureSet = Union[np.ndarray, Iterable[np.ndarray]]


def inception_features(image: np.ndarray, patch_size: int | None = None) -> np.ndarray:
    """Returns the Inception features of one RGB image, float32 [patches, 2048].

    Args:
      image: uint8 or float in [0, 1].
      patch_size: side in pixels of the adjacent square patches into which the image is cut, from the top left; the remainder at
        the right and at the bottom is not used. None takes the whole image of any aspect ratio. The paper does not say
        how its FID was computed, so report it with every number.

    Raises:
      MetricUnavailable: the weights are not in the cache.
      ValueError: the image is smaller than a patch.
    """
    patches = _patches(as_uint8(image), patch_size)
    network = _network()
    batches = (patches[start : start + _BATCH] for start in range(0, len(patches), _BATCH))
    return np.concatenate([network(batch) for batch in batches])


def feature_batches(features: FeatureSet, name: str) -> Iterator[np.ndarray]:
    """Yields the arrays of a set as float64.

    Raises:
      ValueError: an array has another shape, or values that are not finite.
    """
    if isinstance(features, np.ndarray):
        features = [features]
    for batch in features:
        batch = np.asarray(batch, np.float64)
        if batch.ndim != 2:
            raise ValueError(f"The {name} features must be [images, features]. Received: shape {list(batch.shape)}.")
        if not np.isfinite(batch).all():
            raise ValueError(f"The {name} features must be finite. Received: NaN or infinite values.")
        yield batch


def check_count(count: int, metric: str, name: str) -> None:
    """Raises `MetricUndefined` if a set has fewer than two features."""
    if count < 2:
        raise MetricUndefined(f"{metric} needs at least 2 images or patches in each set. Received: {count} in the {name} set.")


def _patches(image, size):
    """Returns the patches, [patches, height, width, 3]."""
    if size is None:
        return image[None]
    rows, columns = image.shape[0] // size, image.shape[1] // size
    if not rows * columns:
        raise MetricUndefined(
            f"The image must hold a patch of {size}×{size} pixels. Received: {image.shape[1]}×{image.shape[0]} pixels."
        )
    image = image[: rows * size, : columns * size]
    return image.reshape(rows, size, columns, size, 3).swapaxes(1, 2).reshape(-1, size, size, 3)


@functools.lru_cache(maxsize=1)
def _network() -> Callable:
    """Returns a function of images, uint8 [batch, height, width, 3], that returns their features; both are arrays."""
    tensors = load_weights(INCEPTION)
    # Imported only now: without weights there is an error before TensorFlow is loaded.
    import tensorflow as tf

    from icdpm.metrics.networks import INCEPTION_SIDE, Inception, full_precision

    network = Inception(tensors)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)], autograph=False)
    def features(images):
        x = tf.image.resize(tf.cast(images, tf.float32) / 255, [INCEPTION_SIDE, INCEPTION_SIDE])
        return network(2 * x - 1)

    def in_full_precision(images):
        with full_precision():
            return features(images).numpy()

    return in_full_precision
