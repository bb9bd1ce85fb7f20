"""Floating point operations of a function, counted from its TensorFlow graph."""

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


# Multiply-adds for each number of the output, by the type of the operation in the graph: kernels are [h, w, inputs, …].
_PER_OUTPUT = {
    "Conv2D": lambda node: math.prod(node.inputs[1].shape[:3]),
    "DepthwiseConv2dNative": lambda node: math.prod(node.inputs[1].shape[:2]),
    "MatMul": lambda node: node.inputs[0].shape[-2 if node.get_attr("transpose_a") else -1],
    "BatchMatMulV2": lambda node: node.inputs[0].shape[-2 if node.get_attr("adj_x") else -1],
}


def multiply_adds(function, *specs):
    """Multiply-adds of one call of `function`, by the type of the operation in TensorFlow's graph.

    Args:
      function: a callable of tensors.
      *specs: one `tf.TensorSpec` of a fully known shape for each argument.

    Returns:
      {'Conv2D', 'DepthwiseConv2dNative', 'MatMul', 'BatchMatMulV2': count}.
    """
    graph = tf.function(function, autograph=False).get_concrete_function(*specs).graph
    counts = dict.fromkeys(_PER_OUTPUT, 0)
    for node in graph.get_operations():
        if node.type in counts:
            counts[node.type] += math.prod(node.outputs[0].shape) * int(_PER_OUTPUT[node.type](node))
    return counts
