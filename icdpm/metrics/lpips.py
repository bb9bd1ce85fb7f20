"""LPIPS (Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"), version 0.1."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from icdpm.metrics.inputs import as_uint8_pair, check_size
from icdpm.metrics.weights import ALEXNET, LPIPS_ALEX, LPIPS_VGG, VGG16, WeightsFile, load_weights

PROTOCOL_ALEX = "LPIPS v0.1 with AlexNet of uint8 RGB images scaled to [−1, 1], whole and not resized"
PROTOCOL_VGG = "LPIPS v0.1 with VGG-16 of uint8 RGB images scaled to [−1, 1], whole and not resized"


class _Backbone(NamedTuple):
    """A network whose features are compared.

    Attributes:
      title: for error messages.
      function: name of its function in `icdpm.metrics.networks`.
      smallest: side of the images of which the last pooling leaves one pixel.
      convolutions, linear: weights of the network, and of LPIPS' linear layers.
    """

    title: str
    function: str
    smallest: int
    convolutions: WeightsFile
    linear: WeightsFile


_ALEX = _Backbone("AlexNet", "alexnet", 31, ALEXNET, LPIPS_ALEX)
_VGG = _Backbone("VGG-16", "vgg16", 16, VGG16, LPIPS_VGG)


def lpips_alex(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Returns the LPIPS of an image with AlexNet's features, as restoration papers report it; 0 if the images are equal.

    Raises:
      MetricUnavailable: the weights are not in the cache.
    """
    return _lpips(_ALEX, restored, sharp)


def lpips_vgg(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Returns the LPIPS of an image with VGG-16's features; 0 if the images are equal.

    Raises:
      MetricUnavailable: the weights are not in the cache.
    """
    return _lpips(_VGG, restored, sharp)


def _lpips(backbone, restored, sharp):
    restored, sharp = as_uint8_pair(restored, sharp)
    check_size(sharp.shape, backbone.smallest, f"LPIPS with {backbone.title}")
    return _distance(backbone)(restored, sharp)


@functools.lru_cache(maxsize=2)
def _distance(backbone: _Backbone) -> Callable:
    convolutions, linear = load_weights(backbone.convolutions, "features."), load_weights(backbone.linear)
    # Imported only now: without weights there is an error before TensorFlow is loaded.
    from icdpm.metrics import networks

    return networks.lpips_distance(getattr(networks, backbone.function)(convolutions), linear)
