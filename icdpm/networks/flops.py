"""Floating point operations of a function, counted from its TensorFlow graph."""

import collections
import math

import tensorflow as tf
from tensorflow.python.framework import ops


def convolution_flops(function, *specs):
    """FLOPs (2 × multiply-adds) of all convolutions in one call of `function`, as TensorFlow itself counts them.

    The function is traced into a graph of static shapes and nothing is executed; every Conv2D node is counted by
    TensorFlow's registered statistic for its node definition.

    Args:
      function: a callable of tensors.
      *specs: one `tf.TensorSpec` of a fully known shape for each argument.
    """
    graph = tf.function(function, autograph=False).get_concrete_function(*specs).graph
    convolutions = [operation for operation in graph.get_operations() if operation.type == "Conv2D"]
    return int(sum(ops.get_stats_for_node_def(graph, node.node_def, "flops").value for node in convolutions))


# Multiply-adds of a node, by the type of the operation in the graph: kernels are [h, w, inputs, …]. A gradient of a convolution
# has as many as the convolution, with the gradient of its output for input 2.
_OF_NODE = {
    "Conv2D": lambda node: _size(node.outputs[0]) * _kernel(node.inputs[1].shape, 3),
    "Conv2DBackpropInput": lambda node: _size(node.inputs[2]) * _kernel(node.inputs[1].shape, 3),
    "Conv2DBackpropFilter": lambda node: _size(node.inputs[2]) * _kernel(node.outputs[0].shape, 3),
    "DepthwiseConv2dNative": lambda node: _size(node.outputs[0]) * _kernel(node.inputs[1].shape, 2),
    "DepthwiseConv2dNativeBackpropInput": lambda node: _size(node.inputs[2]) * _kernel(node.inputs[1].shape, 2),
    "DepthwiseConv2dNativeBackpropFilter": lambda node: _size(node.inputs[2]) * _kernel(node.outputs[0].shape, 2),
    "MatMul": lambda node: _size(node.outputs[0]) * node.inputs[0].shape[-2 if node.get_attr("transpose_a") else -1],
    "BatchMatMulV2": lambda node: _size(node.outputs[0]) * node.inputs[0].shape[-2 if node.get_attr("adj_x") else -1],
}


def _size(tensor):
    return math.prod(tensor.shape)


def _kernel(shape, dimensions):
    return math.prod(shape[:dimensions])


def multiply_adds(function, *specs):
    """Multiply-adds of one call of `function`, by the type of the operation in TensorFlow's graph.

    Args:
      function: a callable of tensors.
      *specs: one `tf.TensorSpec` of a fully known shape for each argument.

    Returns:
      A Counter of 'Conv2D', 'DepthwiseConv2dNative', 'MatMul', 'BatchMatMulV2' and the gradients of convolutions.
    """
    return multiply_adds_of(tf.function(function, autograph=False).get_concrete_function(*specs).graph)


def multiply_adds_of(graph):
    """`multiply_adds` of a graph of static shapes."""
    counts = collections.Counter()
    for node in graph.get_operations():
        if node.type in _OF_NODE:
            counts[node.type] += int(_OF_NODE[node.type](node))
    return counts
