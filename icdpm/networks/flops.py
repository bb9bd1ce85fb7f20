"""Floating point operations of a function, counted from its TensorFlow graph."""

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
    graph = tf.function(function).get_concrete_function(*specs).graph
    convolutions = [operation for operation in graph.get_operations() if operation.type == "Conv2D"]
    return int(sum(ops.get_stats_for_node_def(graph, node.node_def, "flops").value for node in convolutions))
