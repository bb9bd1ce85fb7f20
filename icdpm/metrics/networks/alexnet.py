"""The convolutions of AlexNet, in torchvision's variant with one tower (Krizhevsky, "One weird trick…")."""

import tensorflow as tf

from icdpm.metrics.networks.convolution import convolve_relu, kernel

_CONVOLUTIONS = {0: (4, 2), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}  # stride and padding of each
_POOLED = (3, 6)  # those before which 3×3 is pooled


def alexnet(tensors):
    """The network with torchvision's `features.N.weight` and `.bias`.

    Returns:
      A function of x [batch, height, width, 3] to the five rectified convolutions, first to last.
    """
    layers = {n: (kernel(tensors[f"features.{n}.weight"]), tensors[f"features.{n}.bias"]) for n in _CONVOLUTIONS}

    def features(x):
        found = []
        for n, (stride, padding) in _CONVOLUTIONS.items():
            if n in _POOLED:
                x = tf.nn.max_pool2d(x, 3, 2, "VALID")
            x = convolve_relu(x, *layers[n], stride, padding)
            found.append(x)
        return found

    return features
