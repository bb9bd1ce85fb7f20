"""The convolutions of VGG-16 (Simonyan and Zisserman, configuration D)."""

import tensorflow as tf

from icdpm.metrics.networks.convolution import convolve_relu, kernel

# The convolutions of each stage by their places in torchvision's list; between stages 2×2 is pooled.
_STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))


def vgg16(tensors):
    """The network with torchvision's `features.N.weight` and `.bias`.

    Returns:
      A function of x [batch, height, width, 3] to the last rectified convolution of each of the five stages.
    """
    places = [n for stage in _STAGES for n in stage]
    layers = {n: (kernel(tensors[f"features.{n}.weight"]), tensors[f"features.{n}.bias"]) for n in places}

    def features(x):
        found = []
        for stage in _STAGES:
            if found:
                x = tf.nn.max_pool2d(x, 2, 2, "VALID")
            for n in stage:
                x = convolve_relu(x, *layers[n], padding=1)
            found.append(x)
        return found

    return features
