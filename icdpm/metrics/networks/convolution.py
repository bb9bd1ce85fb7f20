"""Convolution by weights that PyTorch saved."""

import contextlib

import numpy as np
import tensorflow as tf


def kernel(weights):
    """[out, in, height, width], as PyTorch keeps a convolution, to TensorFlow's [height, width, in, out]."""
    return tf.constant(np.transpose(weights, (2, 3, 1, 0)))


def convolve_relu(x, weights, bias, stride=1, padding=0):
    """The rectified convolution of x [batch, height, width, channels] with as many zeros around it as `padding` says."""
    zeros = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    return tf.nn.relu(tf.nn.conv2d(x, weights, stride, zeros) + bias)


@contextlib.contextmanager
def full_precision():
    """Keeps GPUs from rounding what they convolve to TensorFloat-32, of which a measure would show the third digit."""
    execution = tf.config.experimental
    allowed = execution.tensor_float_32_execution_enabled()
    execution.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        execution.enable_tensor_float_32_execution(allowed)
