"""Convolutions and dense layers as HI-Diff has them: their initial weights are uniform within ±1/√(inputs of an output)."""

from icdpm.networks import layers


def convolution(filters, size, dtype, name, bias=False, zero=False):
    """Returns a `size`×`size` convolution that keeps height and width; with `zero` its initial weights are zero."""
    return layers.convolution(filters, size, dtype, name, bias=bias, zero=zero, initializer=_uniform())


def depthwise_convolution(size, dtype, name):
    """Returns a `size`×`size` convolution of each channel by itself, without bias, that keeps height and width."""
    return layers.depthwise_convolution(size, dtype, name, bias=False, initializer=layers.Uniform(1.0 / size))


def linear(units, dtype, name, bias=True, zero=False):
    """Returns a linear map of the last axis; with `zero` its initial weights are zero."""
    return layers.dense(units, dtype, name, bias=bias, zero=zero, initializer=_uniform())


def _uniform():
    return layers.VarianceScaling(1.0 / 3.0, "fan_in")
