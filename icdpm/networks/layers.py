"""Base classes of networks and blocks, and the convolutions and dense layers that these consist of.

The layers compute with TensorFlow's own operations, so that Keras 2 and Keras 3 round alike, in the layout [batch, height,
width, channels], independently of `keras.json`. Within `initial_weights` their initial weights are a function of a seed.
"""

from __future__ import annotations

import contextlib
import contextvars
import math
import random
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from icdpm.keras import keras

# The generator of seeds, or "zeros"; None outside of `initial_weights` and `zero_weights`.
_seeds: contextvars.ContextVar[random.Random | str | None] = contextvars.ContextVar("seeds", default=None)
_LARGEST_SEED = 1_000_000_000


@contextlib.contextmanager
def initial_weights(seed: int) -> Iterator[None]:
    """Makes the initial weights of layers that are built within a function of a seed, without any global random state."""
    token = _seeds.set(_seeds.get() or random.Random(seed))
    try:
        yield
    finally:
        _seeds.reset(token)


@contextlib.contextmanager
def zero_weights() -> Iterator[None]:
    """Makes the random initial weights of layers that are built within zero: faster where weights are loaded afterwards."""
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

    def __init__(self, name: str, dtype: str, **arguments: Any) -> None:
        super().__init__(name=name, dtype=dtype, autocast=False)
        self._arguments = types.MappingProxyType(arguments)  # a type that Keras does not search for layers

    def build(self, input_shape: tuple) -> None:
        """Marks the network as built; its layers are built as they are called."""
        self.built = True

    def get_config(self) -> dict:
        """Returns the arguments of the constructor."""
        return {"name": self.name, "dtype": self.dtype_policy.name, **self._arguments}


class Block(keras.layers.Layer):
    """Base class of layers that consist of other layers, which are built as they are called."""

    def build(self, input_shape: tuple) -> None:
        """Marks the layer as built."""
        self.built = True


def take_each(blocks: list, counts: Iterable[int]) -> Iterator[list]:
    """Yields the next `count` of some blocks for each count."""
    remaining = iter(blocks)
    for count in counts:
        yield [next(remaining) for _ in range(count)]


class _Seeded(keras.initializers.Initializer):
    """Base class of random initializers whose seeds come from `initial_weights`, or outside of it from `random`."""

    def __call__(self, shape: Sequence[int], dtype: str | tf.DType | None = None, **kwargs) -> tf.Tensor:
        """Returns the initial values of a weight of shape [..., inputs, outputs]."""
        seeds, dtype = _seeds.get(), tf.as_dtype(dtype or "float32")
        if isinstance(seeds, str):
            return tf.zeros(shape, dtype)
        return self.sample(shape, [(seeds or random).randint(1, _LARGEST_SEED), 0], dtype)


@keras.saving.register_keras_serializable(package="icdpm")
class VarianceScaling(_Seeded):
    """Uniform distribution within ±√(3·scale/n).

    Args:
      scale: the variance of the weights times n.
      mode: n is the number of inputs of an output ('fan_in'), or its mean with the number of outputs of an input ('fan_avg').
        Scale 1 and 'fan_avg' is Glorot's (2010); scale 1/3 and 'fan_in' is PyTorch's.
    """

    def __init__(self, scale: float = 1.0, mode: str = "fan_avg") -> None:
        self.scale = scale
        self.mode = mode

    def sample(self, shape: Sequence[int], seed: Sequence[int], dtype: tf.DType) -> tf.Tensor:
        """Returns random values of a shape from a seed of two integers."""
        field = math.prod(shape[:-2])
        inputs, outputs = field * shape[-2], field * shape[-1]
        count = inputs if self.mode == "fan_in" else (inputs + outputs) / 2.0
        limit = math.sqrt(3.0 * (self.scale / max(1.0, count)))
        return tf.random.stateless_uniform(shape, seed, -limit, limit, dtype)

    def get_config(self) -> dict:
        """Returns the arguments of the constructor."""
        return {"scale": self.scale, "mode": self.mode}


@keras.saving.register_keras_serializable(package="icdpm")
class Uniform(_Seeded):
    """Uniform distribution within ±limit."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def sample(self, shape: Sequence[int], seed: Sequence[int], dtype: tf.DType) -> tf.Tensor:
        """Returns random values of a shape from a seed of two integers."""
        return tf.random.stateless_uniform(shape, seed, -self.limit, self.limit, dtype)

    def get_config(self) -> dict:
        """Returns the argument of the constructor."""
        return {"limit": self.limit}


@keras.saving.register_keras_serializable(package="icdpm")
class Normal(_Seeded):
    """Normal distribution with mean zero.

    Args:
      stddev: the standard deviation.
    """

    def __init__(self, stddev: float) -> None:
        self.stddev = stddev

    def sample(self, shape: Sequence[int], seed: Sequence[int], dtype: tf.DType) -> tf.Tensor:
        """Returns random values of a shape from a seed of two integers."""
        return tf.random.stateless_normal(shape, seed, 0.0, self.stddev, dtype)

    def get_config(self) -> dict:
        """Returns the argument of the constructor."""
        return {"stddev": self.stddev}


@keras.saving.register_keras_serializable(package="icdpm")
class Conv2D(keras.layers.Conv2D):
    """Convolution of [batch, height, width, channels] that keeps height and width, or divides both by its strides.

    Args:
      filters: output channels.
      kernel_size: the side of the kernel.
      **options: of `keras.layers.Conv2D`.
    """

    def __init__(self, filters: int, kernel_size: int, **options: Any) -> None:
        super().__init__(filters, kernel_size, **{**options, "padding": "same", "data_format": "channels_last"})

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns float [batch, height/stride, width/stride, filters]."""
        outputs = tf.nn.conv2d(inputs, self.kernel, self.strides, "SAME")
        return tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs


class DepthwiseConv2D(keras.layers.Layer):
    """Depthwise convolution that keeps height and width.

    It does not derive from Keras' own layer, whose kernel has different names in Keras 2 and Keras 3.

    Args:
      kernel_size: the side of the kernel.
      use_bias: whether it adds a bias.
      initializer: of the kernel.
      **options: of `keras.layers.Layer`.
    """

    def __init__(self, kernel_size: int, use_bias: bool, initializer: keras.initializers.Initializer, **options: Any) -> None:
        super().__init__(**options)
        self.kernel_size = kernel_size
        self.use_bias = use_bias
        self.initializer = initializer

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        shape = [self.kernel_size, self.kernel_size, channels, 1]
        self.depthwise_kernel = self.add_weight(name="depthwise_kernel", shape=shape, initializer=self.initializer)
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=[channels], initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns float [batch, height, width, channels]."""
        outputs = tf.nn.depthwise_conv2d(inputs, self.depthwise_kernel, (1, 1, 1, 1), "SAME")
        return tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs


@keras.saving.register_keras_serializable(package="icdpm")
class Dense(keras.layers.Dense):
    """Linear map of the last axis."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns float [..., units]."""
        if inputs.shape.rank == 2:
            outputs = tf.matmul(inputs, self.kernel)
        else:
            outputs = tf.tensordot(inputs, self.kernel, [[inputs.shape.rank - 1], [0]])
            outputs = tf.ensure_shape(outputs, [*inputs.shape[:-1], self.units])
        return tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs


def convolution(
    filters: int,
    size: int,
    dtype: str,
    name: str,
    *,
    bias: bool = True,
    zero: bool = False,
    initializer: keras.initializers.Initializer | None = None,
    **options: Any,
) -> Conv2D:
    """Returns a `size`×`size` convolution that keeps height and width.

    Args:
      filters: output channels.
      size: the side of the kernel.
      dtype: a Keras policy.
      name: of the layer.
      bias: whether it adds a bias.
      zero: whether its initial weights are zero.
      initializer: of the kernel, unless `zero`; None: Glorot's.
      **options: of `Conv2D`.
    """
    initializer = "zeros" if zero else initializer or VarianceScaling()
    return Conv2D(filters, size, use_bias=bias, kernel_initializer=initializer, dtype=dtype, name=name, **options)


def depthwise_convolution(
    size: int, dtype: str, name: str, *, bias: bool = True, initializer: keras.initializers.Initializer
) -> DepthwiseConv2D:
    """Returns a `size`×`size` depthwise convolution that keeps height and width; arguments as in `convolution`."""
    return DepthwiseConv2D(size, bias, initializer, dtype=dtype, name=name)


def dense(
    units: int,
    dtype: str,
    name: str,
    *,
    bias: bool = True,
    zero: bool = False,
    initializer: keras.initializers.Initializer | None = None,
) -> Dense:
    """Returns a linear map of the last axis to `units` channels; the other arguments as in `convolution`."""
    initializer = "zeros" if zero else initializer or VarianceScaling()
    return Dense(units, use_bias=bias, kernel_initializer=initializer, dtype=dtype, name=name)
