"""Inception v3 up to its 2048 pooled features, as the graph of 2015-12-05 has it.

It differs from the network of the paper (Szegedy et al., "Rethinking the Inception Architecture") in its pooling: the
averages leave out what lies beyond the border, and the last block takes a maximum in place of the average.
"""

import numpy as np
import tensorflow as tf

from icdpm.metrics.networks.convolution import kernel

SIDE = 299
FEATURES = 2048
_BATCH_NORM_EPSILON = 1e-3


class Inception:
    """The network with the tensors that PyTorch's ports of it save, `BLOCK.BRANCH.conv.weight` and `BLOCK.BRANCH.bn.…`.

    Call it with x [batch, 299, 299, 3] in [−1, 1] for the features [batch, 2048].
    """

    def __init__(self, tensors):
        names = [name[: -len(".conv.weight")] for name in tensors if name.endswith(".conv.weight")]
        self._layers = {name: _without_batch_norm(tensors, name) for name in names}

    def __call__(self, x):
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
        """Convolutions one after the other."""
        for name in names:
            x = self._convolve(x, f"{block}.{name}")
        return x

    def _fork(self, x, name):
        """A 1×3 and a 3×1 convolution side by side."""
        return tf.concat([self._convolve(x, f"{name}a"), self._convolve(x, f"{name}b")], -1)

    def _join(self, x, block, second, third, pooled):
        """The four branches that most blocks have: 1×1, two that differ, and a 1×1 of what was pooled."""
        first, fourth = self._chain(x, block, "branch1x1"), self._chain(pooled, block, "branch_pool")
        return tf.concat([first, second, third, fourth], -1)


def _without_batch_norm(tensors, name):
    """A convolution's kernel and bias with the batch normalisation that follows it taken in."""
    scale, shift, mean, variance = (
        tensors[f"{name}.bn.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = scale / np.sqrt(variance + _BATCH_NORM_EPSILON)
    weights = tensors[f"{name}.conv.weight"] * scale[:, None, None, None]
    return kernel(weights.astype(np.float32)), tf.constant((shift - mean * scale).astype(np.float32))


def _halve(x):
    return tf.nn.max_pool2d(x, 3, 2, "VALID")


def _average(x):
    return tf.nn.avg_pool2d(x, 3, 1, "SAME")


def _maximum(x):
    return tf.nn.max_pool2d(x, 3, 1, "SAME")
