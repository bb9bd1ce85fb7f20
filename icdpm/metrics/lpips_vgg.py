"""LPIPS with VGG-16's features."""

import functools

from icdpm.metrics.as_uint8 import as_uint8_pair
from icdpm.metrics.weights.cache import kept
from icdpm.metrics.weights.catalog import LPIPS_VGG, VGG16
from icdpm.torch_file import read_tensors

PROTOCOL = "LPIPS v0.1 with VGG-16 of uint8 RGB pictures scaled to [−1, 1], whole and not resized"
# The side of a picture of which the last pooling leaves one place.
SMALLEST = 16


def lpips_vgg(restored, sharp):
    """LPIPS of one picture, 0 where the two are equal.

    Raises:
      MetricUnavailable: the weights are not in the cache.
    """
    restored, sharp = as_uint8_pair(restored, sharp)
    height, width = sharp.shape[:2]
    if min(height, width) < SMALLEST:
        raise ValueError(f"LPIPS with VGG-16 needs pictures of {SMALLEST}×{SMALLEST} or more, not {width}×{height}")
    return _distance()(restored, sharp)


@functools.lru_cache(maxsize=1)
def _distance():
    convolutions, linear = read_tensors(kept(VGG16), "features."), read_tensors(kept(LPIPS_VGG))
    # TensorFlow is not needed to say that weights are missing.
    from icdpm.metrics.networks.lpips import lpips_distance
    from icdpm.metrics.networks.vgg16 import vgg16

    return lpips_distance(vgg16(convolutions), linear)
