"""Pretrained networks of LPIPS, FID and KID in TensorFlow: weights in, features out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

INCEPTION_SIDE = 299
_BATCH_NORM_EPSILON = 1e-3

# AlexNet's convolutions by their places in torchvision's list: stride and padding of each; and those after 3×3 pooling.
_ALEXNET = {0: (4, 2), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}
_ALEXNET_POOLED = (3, 6)
# VGG-16's convolutions of each stage, likewise; stages are separated by 2×2 pooling.
_VGG16_STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))

# ImageNet's mean and standard deviation, for values in [−1, 1].
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_LPIPS_EPSILON = 1e-10


def alexnet(tensors: dict[str, np.ndarray]) -> Callable:
    """Builds the convolutions of AlexNet, in torchvision's variant with one tower (Krizhevsky, "One weird trick…").

    Args:
      tensors: arrays by torchvision's names, `features.N.weight` and `features.N.bias`.

    Returns:
      A function of x [batch, height, width, 3] that returns the five rectified convolutions, first to last.
    """
    layers = {n: _layer(tensors, n) for n in _ALEXNET}

    def features(x):
        outputs = []
        for n, (stride, padding) in _ALEXNET.items():
            if n in _ALEXNET_POOLED:
                x = tf.nn.max_pool2d(x, 3, 2, "VALID")
            x = _convolve_relu(x, *layers[n], stride, padding)
            outputs.append(x)
        return outputs

    return features


def vgg16(tensors: dict[str, np.ndarray]) -> Callable:
    """Builds the convolutions of VGG-16 (Simonyan and Zisserman, configuration D).

    Args:
      tensors: arrays by torchvision's names, `features.N.weight` and `features.N.bias`.

    Returns:
      A function of x [batch, height, width, 3] that returns the last rectified convolution of each of the five stages.
    """
    layers = {n: _layer(tensors, n) for stage in _VGG16_STAGES for n in stage}

    def features(x):
        outputs = []
        for stage in _VGG16_STAGES:
            if outputs:
                x = tf.nn.max_pool2d(x, 2, 2, "VALID")
            for n in stage:
                x = _convolve_relu(x, *layers[n], padding=1)
            outputs.append(x)
        return outputs

    return features


def lpips_distance(network: Callable, tensors: dict[str, np.ndarray]) -> Callable:
    """Builds LPIPS, version 0.1, from the features of a network.

    Args:
      network: a function of images [batch, height, width, 3] that returns a list of features.
      tensors: linear layers by the authors' names, `lin0.model.1.weight` and so on, one for each of the features.

    Returns:
      A function of two images, uint8 [height, width, 3], that returns their distance: equation 1 of the paper, summed over the
      features, each of which is first normalized to length 1 at every pixel.
    """
    linear = [tf.constant(tensors[f"lin{layer}.model.1.weight"].reshape(-1)) for layer in range(len(tensors))]
    image = tf.TensorSpec([None, None, 3], tf.uint8)

    @tf.function(input_signature=[image, image], autograph=False)
    def distance(one, other):
        pair = tf.cast(tf.stack([one, other]), tf.float32) / 127.5 - 1
        total = tf.constant(0.0)
        for features, weights in zip(network((pair - _SHIFT) / _SCALE), linear):
            length = tf.sqrt(tf.reduce_sum(tf.square(features), -1, keepdims=True))
            features /= length + _LPIPS_EPSILON
            difference = tf.square(features[0] - features[1])
            total += tf.reduce_mean(tf.linalg.matvec(difference, weights))
        return total

    def in_full_precision(one, other):
        with full_precision():
            return float(distance(one, other))

    return in_full_precision


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Disables TensorFloat-32, to which GPUs round convolutions otherwise and which changes the third digit of a metric."""
    execution = tf.config.experimental
    allowed = execution.tensor_float_32_execution_enabled()
    execution.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        execution.enable_tensor_float_32_execution(allowed)


def _to_kernel(weights):
    """[out, in, height, width], PyTorch's order, to TensorFlow's [height, width, in, out]."""
    return tf.constant(np.transpose(weights, (2, 3, 1, 0)))


def _layer(tensors, place):
    return _to_kernel(tensors[f"features.{place}.weight"]), tensors[f"features.{place}.bias"]


def _convolve_relu(x, weights, bias, stride=1, padding=0):
    """Returns the rectified convolution of x [batch, height, width, channels], padded by `padding` zeros on each side."""
    zeros = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    return tf.nn.relu(tf.nn.conv2d(x, weights, stride, zeros) + bias)


class Inception:
    """Inception v3 up to its 2048 pooled features, as in the graph of 2015-12-05.

    It differs from the network of the paper (Szegedy et al., "Rethinking the Inception Architecture for Computer Vision") in
    its pooling: averages exclude pixels beyond the border, and the last block takes a maximum in place of an average.

    Args:
      tensors: arrays by the names of PyTorch's ports, `BLOCK.BRANCH.conv.weight` and `BLOCK.BRANCH.bn.…`.
    """

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        names = [name[: -len(".conv.weight")] for name in tensors if name.endswith(".conv.weight")]
        self._layers = {name: _without_batch_norm(tensors, name) for name in names}

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the features [batch, 2048] of x: [batch, 299, 299, 3] in [−1, 1]."""
        x = self._convolve(x, "Conv2d_1a_3x3", 2, "VALID")
        x = self._convolve(x, "Conv2d_2a_3x3", 1, "VALID")
        x = self._convolve(x, "Conv2d_2b_3x3")
        x = _halve(x)
        x = self._convolve(x, "Conv2d_3b_1x1")
        x = self._convolve(x, "Conv2d_4a_3x3", 1, "VALID")
        x = _halve(x)
        for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            five = self._chain(x, block, "branch5x5_1", "branch5x5_2")
            double = self._chain(x, block, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")
            x = self._join(x, block, five, double, _average(x))
        double = self._chain(x, "Mixed_6a", "branch3x3dbl_1", "branch3x3dbl_2")
        double = self._convolve(double, "Mixed_6a.branch3x3dbl_3", 2, "VALID")
        x = tf.concat([self._convolve(x, "Mixed_6a.branch3x3", 2, "VALID"), double, _halve(x)], -1)
        for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            seven = self._chain(x, block, *(f"branch7x7_{n}" for n in (1, 2, 3)))
            double = self._chain(x, block, *(f"branch7x7dbl_{n}" for n in (1, 2, 3, 4, 5)))
            x = self._join(x, block, seven, double, _average(x))
        three = self._convolve(self._chain(x, "Mixed_7a", "branch3x3_1"), "Mixed_7a.branch3x3_2", 2, "VALID")
        seven = self._chain(x, "Mixed_7a", *(f"branch7x7x3_{n}" for n in (1, 2, 3)))
        seven = self._convolve(seven, "Mixed_7a.branch7x7x3_4", 2, "VALID")
        x = tf.concat([three, seven, _halve(x)], -1)
        for block, pool in (("Mixed_7b", _average), ("Mixed_7c", _maximum)):
            three = self._fork(self._chain(x, block, "branch3x3_1"), f"{block}.branch3x3_2")
            double = self._fork(self._chain(x, block, "branch3x3dbl_1", "branch3x3dbl_2"), f"{block}.branch3x3dbl_3")
            x = self._join(x, block, three, double, pool(x))
        return tf.reduce_mean(x, axis=(1, 2))

    def _convolve(self, x, name, stride=1, padding="SAME"):
        weights, bias = self._layers[name]
        return tf.nn.relu(tf.nn.conv2d(x, weights, stride, padding) + bias)

    def _chain(self, x, block, *names):
        """Applies convolutions one after the other."""
        for name in names:
            x = self._convolve(x, f"{block}.{name}")
        return x

    def _fork(self, x, name):
        """Concatenates a 1×3 and a 3×1 convolution."""
        return tf.concat([self._convolve(x, f"{name}a"), self._convolve(x, f"{name}b")], -1)

    def _join(self, x, block, second, third, pooled):
        """Concatenates the four branches of most blocks: 1×1, two that differ, and a 1×1 of the pooled input."""
        first, fourth = self._chain(x, block, "branch1x1"), self._chain(pooled, block, "branch_pool")
        return tf.concat([first, second, third, fourth], -1)


def _without_batch_norm(tensors, name):
    """Returns the kernel and bias of a convolution, merged with the batch normalization that follows it."""
    scale, shift, mean, variance = (
        tensors[f"{name}.bn.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = scale / np.sqrt(variance + _BATCH_NORM_EPSILON)
    weights = tensors[f"{name}.conv.weight"] * scale[:, None, None, None]
    return _to_kernel(weights.astype(np.float32)), tf.constant((shift - mean * scale).astype(np.float32))


def _halve(x):
    return tf.nn.max_pool2d(x, 3, 2, "VALID")


def _average(x):
    return tf.nn.avg_pool2d(x, 3, 1, "SAME")


def _maximum(x):
    return tf.nn.max_pool2d(x, 3, 1, "SAME")
