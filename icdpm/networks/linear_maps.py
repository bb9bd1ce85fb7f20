"""Convolutions and dense layers as HI-Diff has them: their first weights are uniform within ±1/√(inputs of an output)."""

from icdpm.keras import keras


def convolution(filters, size, dtype, name, bias=False, zero=False):
    """A `size`×`size` convolution that keeps height and width; `zero`: its first weights are zero."""
    initializer = "zeros" if zero else _uniform()
    return keras.layers.Conv2D(
        filters, size, padding="same", use_bias=bias, kernel_initializer=initializer, dtype=dtype, name=name
    )


def depthwise_convolution(size, dtype, name):
    """A `size`×`size` convolution of each channel by itself, without bias, that keeps height and width."""
    initializer = keras.initializers.RandomUniform(-1.0 / size, 1.0 / size)
    return keras.layers.DepthwiseConv2D(
        size, padding="same", use_bias=False, depthwise_initializer=initializer, dtype=dtype, name=name
    )


def linear(units, dtype, name, bias=True, zero=False):
    """A linear map of the last axis; `zero`: its first weights are zero."""
    initializer = "zeros" if zero else _uniform()
    return keras.layers.Dense(units, use_bias=bias, kernel_initializer=initializer, dtype=dtype, name=name)


def _uniform():
    return keras.initializers.VarianceScaling(1.0 / 3.0, "fan_in", "uniform")
