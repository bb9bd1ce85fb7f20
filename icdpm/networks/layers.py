"""Base classes of networks and blocks, and the convolutions and dense layers that they are made of.

The layers compute with TensorFlow's own operations, so that Keras 2 and Keras 3 round alike, in the layout [batch, height,
width, channels], independently of `keras.json`. Their initial weights follow from a seed within `initial_weights`.
"""

from __future__ import annotations

import contextlib
import contextvars
import math
import random
import types
from collections.abc import Iterable, Iterator

import tensorflow as tf

from icdpm.keras import keras

_seeds = contextvars.ContextVar("seeds", default=None)
_LARGEST_SEED = 1_000_000_000


@contextlib.contextmanager
def initial_weights(seed: int) -> Iterator[None]:
    """Makes the weights that are built within follow from a seed, without any global random state."""
    token = _seeds.set(_seeds.get() or random.Random(seed))
    try:
        yield
    finally:
        _seeds.reset(token)


@contextlib.contextmanager
def zero_weights() -> Iterator[None]:
    """Makes the random weights that are built within zero, which is faster, for weights that are loaded afterwards."""
    token = _seeds.set("zeros")
    try:
        yield
    finally:
        _seeds.reset(token)


class Network(keras.Model):
    """Base class of networks: subclassed Keras models that compute in the compute type of their policy and return float32.

    The first call builds the weights. Inputs are not cast, because a noise level needs all bits of float32.

    Args:
      name: of the model, the first part of its weights' names.
      dtype: a Keras policy, such as 'float32' or 'mixed_bfloat16'.
      **arguments: the other arguments of the constructor, for `get_config`.
    """

    def __init__(self, name: str, dtype, **arguments):
        super().__init__(name=name, dtype=dtype, autocast=False)
        self._arguments = types.MappingProxyType(arguments)  # of a kind that Keras does not search for layers

    def build(self, input_shape):
        """Marks the network as built; its layers are built as they are called."""
        self.built = True

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {"name": self.name, "dtype": self.dtype_policy.name, **self._arguments}


class Block(keras.layers.Layer):
    """Base class of layers that consist of other layers, which are built as they are called."""

    def build(self, input_shape):
        """Marks the layer as built."""
        self.built = True


def take_each(blocks: list, counts: Iterable[int]) -> Iterator[list]:
    """Yields the next `count` of some blocks for each count."""
    remaining = iter(blocks)
    for count in counts:
        yield [next(remaining) for _ in range(count)]


class _Seeded(keras.initializers.Initializer):
    """Base class of random initializers whose seeds come from `initial_weights`; outside of it each draws one of its own."""

    def __call__(self, shape, dtype=None, **kwargs):
        """Returns the initial values of a weight of a shape [..., inputs, outputs]."""
        seeds, dtype = _seeds.get(), tf.as_dtype(dtype or "float32")
        if seeds == "zeros":
            return tf.zeros(shape, dtype)
        return self.draw(shape, [(seeds or random).randint(1, _LARGEST_SEED), 0], dtype)


@keras.saving.register_keras_serializable(package="icdpm")
class VarianceScaling(_Seeded):
    """Uniform within ±√(3·scale/n).

    Args:
      scale: the variance of the weights times n.
      mode: n is the number of inputs of an output ('fan_in'), or its mean with the number of outputs of an input ('fan_avg').
        Scale 1 and 'fan_avg' is Glorot's (2010); scale 1/3 and 'fan_in' is PyTorch's.
    """

    def __init__(self, scale: float = 1.0, mode: str = "fan_avg"):
        self.scale = scale
        self.mode = mode

    def draw(self, shape, seed, dtype):
        """Returns random values of a shape from a seed of two whole numbers."""
        field = math.prod(shape[:-2])
        inputs, outputs = field * shape[-2], field * shape[-1]
        count = inputs if self.mode == "fan_in" else (inputs + outputs) / 2.0
        limit = math.sqrt(3.0 * (self.scale / max(1.0, count)))
        return tf.random.stateless_uniform(shape, seed, -limit, limit, dtype)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {"scale": self.scale, "mode": self.mode}


@keras.saving.register_keras_serializable(package="icdpm")
class Uniform(_Seeded):
    """Uniform within ±limit."""

    def __init__(self, limit: float):
        self.limit = limit

    def draw(self, shape, seed, dtype):
        """Returns random values of a shape from a seed of two whole numbers."""
        return tf.random.stateless_uniform(shape, seed, -self.limit, self.limit, dtype)

    def get_config(self):
        """Returns the argument of the constructor."""
        return {"limit": self.limit}


@keras.saving.register_keras_serializable(package="icdpm")
class Normal(_Seeded):
    """Normal with mean zero and a standard deviation."""

    def __init__(self, stddev: float):
        self.stddev = stddev

    def draw(self, shape, seed, dtype):
        """Returns random values of a shape from a seed of two whole numbers."""
        return tf.random.stateless_normal(shape, seed, 0.0, self.stddev, dtype)

    def get_config(self):
        """Returns the argument of the constructor."""
        return {"stddev": self.stddev}


@keras.saving.register_keras_serializable(package="icdpm")
class Conv2D(keras.layers.Conv2D):
    """A convolution of [batch, height, width, channels] that keeps height and width, or divides both by its strides."""

    def __init__(self, filters, kernel_size, padding="same", **options):
        super().__init__(filters, kernel_size, padding=padding, **{**options, "data_format": "channels_last"})

    def call(self, inputs):
        """Returns float [batch, height/stride, width/stride, filters]."""
        outputs = tf.nn.conv2d(inputs, self.kernel, self.strides, self.padding.upper())
        return tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs


@keras.saving.register_keras_serializable(package="icdpm")
class DepthwiseConv2D(keras.layers.Layer):
    """A convolution of each channel by itself that keeps height and width.

    A layer of its own, because Keras 2 and Keras 3 name the kernel of theirs otherwise.

    Args:
      kernel_size: the side of the kernel.
      use_bias: whether it adds a bias.
      initializer: of the kernel.
      **options: of `keras.layers.Layer`.
    """

    def __init__(self, kernel_size, use_bias, initializer, **options):
        super().__init__(**options)
        self.kernel_size = kernel_size
        self.use_bias = use_bias
        self.initializer = initializer

    def build(self, input_shape):
        channels = input_shape[-1]
        shape = [self.kernel_size, self.kernel_size, channels, 1]
        self.depthwise_kernel = self.add_weight(name="depthwise_kernel", shape=shape, initializer=self.initializer)
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=[channels], initializer="zeros")
        super().build(input_shape)

    def call(self, inputs):
        """Returns float [batch, height, width, channels]."""
        outputs = tf.nn.depthwise_conv2d(inputs, self.depthwise_kernel, (1, 1, 1, 1), "SAME")
        return tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs


@keras.saving.register_keras_serializable(package="icdpm")
class Dense(keras.layers.Dense):
    """A linear map of the last axis."""

    def call(self, inputs):
        """Returns float [..., units]."""
        if inputs.shape.rank == 2:
            outputs = tf.matmul(inputs, self.kernel)
        else:
            outputs = tf.tensordot(inputs, self.kernel, [[inputs.shape.rank - 1], [0]])
            outputs = tf.ensure_shape(outputs, [*inputs.shape[:-1], self.units])
        return tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs


def convolution(
    filters: int, size: int, dtype, name: str, *, bias: bool = True, zero: bool = False, initializer=None, **options
) -> Conv2D:
    """Returns a `size`×`size` convolution that keeps height and width.

    Args:
      filters: the number of output channels.
      size: the side of the kernel.
      dtype: a Keras policy.
      name: of the layer.
      bias: whether it adds a bias.
      zero: whether its initial weights are zero.
      initializer: of the kernel, where `zero` is False; None: Glorot's.
      **options: of `Conv2D`.
    """
    initializer = "zeros" if zero else initializer or VarianceScaling()
    return Conv2D(filters, size, use_bias=bias, kernel_initializer=initializer, dtype=dtype, name=name, **options)


def depthwise_convolution(size: int, dtype, name: str, *, bias: bool = True, initializer):
    """Returns a `size`×`size` convolution of each channel by itself that keeps height and width."""
    return DepthwiseConv2D(size, bias, initializer, dtype=dtype, name=name)


def dense(units: int, dtype, name: str, *, bias: bool = True, zero: bool = False, initializer=None):
    """Returns a linear map of the last axis; arguments as of `convolution`."""
    initializer = "zeros" if zero else initializer or VarianceScaling()
    return Dense(units, use_bias=bias, kernel_initializer=initializer, dtype=dtype, name=name)
