"""Cost of one call of a function, from its TensorFlow graph alone: floating-point operations and memory."""

from __future__ import annotations

import collections
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def count_convolution_flops(function: Callable, *specs: tf.TensorSpec) -> int:
    """Returns the FLOPs (2 × multiply-adds) of all convolutions in one call; arguments as in `count_multiply_adds`."""
    return 2 * count_multiply_adds(function, *specs)["Conv2D"]


def count_multiply_adds(function: Callable, *specs: tf.TensorSpec) -> collections.Counter:
    """Returns the multiply-adds of one call of a function by type of operation.

    The function is traced into a graph of static shapes and nothing is executed.

    Args:
      function: a callable of tensors.
      *specs: one `tf.TensorSpec` of a fully known shape for each argument.

    Returns:
      A Counter of 'Conv2D', 'DepthwiseConv2dNative', 'MatMul', 'BatchMatMulV2' and the gradients of convolutions.
    """
    return _multiply_adds(_static_graph(function, specs))


def count_flops_and_bytes(function: Callable, *specs: Any) -> tuple[int, int]:
    """Returns the FLOPs and the peak memory of one call of a function.

    The function is traced for static shapes and nothing is executed. FLOPs are 2 × multiply-adds of convolutions and matrix
    products, their gradients included. The memory is that of intermediate results when operations run one after the other in
    the order of the graph and each result is stored in full: neither the savings of a compiler that fuses operations nor the
    workspace of an operation is considered. Variables and arguments are not counted.

    Args:
      function: a callable of tensors.
      *specs: nests of `tf.TensorSpec` of fully known shapes.

    Returns:
      FLOPs, and bytes.
    """
    graph = _static_graph(function, specs)
    return 2 * sum(_multiply_adds(graph).values()), _peak_bytes(graph)


def _static_graph(function, specs):
    return tf.function(function, autograph=False).get_concrete_function(*specs).graph


# Multiply-adds of a node by its operation type; kernels are [height, width, inputs, …]. A gradient of a convolution has as many
# as the convolution; input 2 is the gradient of the convolution's output.
_MULTIPLY_ADDS = {
    "Conv2D": lambda node: _size(node.outputs[0]) * _kernel(node.inputs[1].shape, 3),
    "Conv2DBackpropInput": lambda node: _size(node.inputs[2]) * _kernel(node.inputs[1].shape, 3),
    "Conv2DBackpropFilter": lambda node: _size(node.inputs[2]) * _kernel(node.outputs[0].shape, 3),
    "DepthwiseConv2dNative": lambda node: _size(node.outputs[0]) * _kernel(node.inputs[1].shape, 2),
    "DepthwiseConv2dNativeBackpropInput": lambda node: _size(node.inputs[2]) * _kernel(node.inputs[1].shape, 2),
    "DepthwiseConv2dNativeBackpropFilter": lambda node: _size(node.inputs[2]) * _kernel(node.outputs[0].shape, 2),
    "MatMul": lambda node: _size(node.outputs[0]) * node.inputs[0].shape[-2 if node.get_attr("transpose_a") else -1],
    "BatchMatMulV2": lambda node: _size(node.outputs[0]) * node.inputs[0].shape[-2 if node.get_attr("adj_x") else -1],
}
# Operations whose result is their input, or that of a variable, in another shape.
_VIEWS = {"Identity", "Reshape", "Squeeze", "ExpandDims", "ReadVariableOp", "StopGradient", "PreventGradient", "Snapshot"}
# Operations that cannot write their result over an input. All others can, where nothing else needs that input.
_NOT_IN_PLACE = {
    "Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "DepthwiseConv2dNative", "DepthwiseConv2dNativeBackpropInput",
    "DepthwiseConv2dNativeBackpropFilter", "MatMul", "BatchMatMulV2", "ConcatV2", "Transpose", "Pad", "Tile", "AvgPool",
    "AvgPoolGrad",
}  # fmt: skip


def _multiply_adds(graph) -> collections.Counter:
    counts: collections.Counter = collections.Counter()
    for node in graph.get_operations():
        if node.type in _MULTIPLY_ADDS:
            counts[node.type] += int(_MULTIPLY_ADDS[node.type](node))
    return counts


def _size(tensor):
    return math.prod(tensor.shape)


def _kernel(shape, dimensions):
    return math.prod(shape[:dimensions])


def _peak_bytes(graph):
    operations = graph.get_operations()
    arguments = {id(each) for each in graph.inputs}
    aliases = {}  # tensor → the tensor that owns its memory; None: memory that is not counted

    def owner(tensor):
        return aliases.get(id(tensor), tensor)

    for operation in operations:
        for output in operation.outputs:
            if id(output) in arguments or operation.type in ("Placeholder", "Const", "ReadVariableOp"):
                aliases[id(output)] = None
            elif operation.type in _VIEWS:
                aliases[id(output)] = owner(operation.inputs[0])
    last_use = {}
    for number, operation in enumerate(operations):
        for each in operation.inputs:
            if owner(each) is not None:
                last_use[id(owner(each))] = number
    for result in graph.outputs:
        if owner(result) is not None:
            last_use[id(owner(result))] = len(operations)
    held = peak = 0
    for number, operation in enumerate(operations):
        allocated = sum(_bytes(each) for each in operation.outputs if owner(each) is each)
        inputs = {id(owner(each)): owner(each) for each in operation.inputs if owner(each) is not None}
        freed = sum(_bytes(each) for key, each in inputs.items() if last_use[key] == number)
        reused = 0 if operation.type in _NOT_IN_PLACE else min(freed, allocated)
        peak = max(peak, held + allocated - reused)
        unused = sum(_bytes(each) for each in operation.outputs if owner(each) is each and id(each) not in last_use)
        held += allocated - freed - unused
    return peak


def _bytes(tensor):
    if tensor.dtype in (tf.resource, tf.variant, tf.string) or not tensor.shape.is_fully_defined():
        return 0
    return math.prod(tensor.shape) * tensor.dtype.size
