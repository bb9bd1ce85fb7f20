"""LPIPS with AlexNet's features: the reading that restoration papers quote."""

import functools

from icdpm.metrics.as_uint8 import as_uint8_pair
from icdpm.metrics.weights.cache import kept
from icdpm.metrics.weights.catalog import ALEXNET, LPIPS_ALEX
from icdpm.torch_file import read_tensors

PROTOCOL = "LPIPS v0.1 with AlexNet of uint8 RGB pictures scaled to [−1, 1], whole and not resized"
# The side of a picture of which the last pooling leaves one place.
SMALLEST = 31


def lpips_alex(restored, sharp):
    """LPIPS of one picture, 0 where the two are equal.

    Raises:
      MetricUnavailable: the weights are not in the cache.
    """
    restored, sharp = as_uint8_pair(restored, sharp)
    height, width = sharp.shape[:2]
    if min(height, width) < SMALLEST:
        raise ValueError(f"LPIPS with AlexNet needs pictures of {SMALLEST}×{SMALLEST} or more, not {width}×{height}")
    return _distance()(restored, sharp)


@functools.lru_cache(maxsize=1)
def _distance():
    convolutions, linear = read_tensors(kept(ALEXNET), "features."), read_tensors(kept(LPIPS_ALEX))
    # TensorFlow is not needed to say that weights are missing.
    from icdpm.metrics.networks.alexnet import alexnet
    from icdpm.metrics.networks.lpips import lpips_distance

    return lpips_distance(alexnet(convolutions), linear)
