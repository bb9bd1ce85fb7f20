"""What one call of a graph costs: operations and memory, from the graph alone."""

import math

import tensorflow as tf

from icdpm.networks.flops import multiply_adds_of

# Operations whose result is their input, or a variable's, seen otherwise.
_VIEWS = {"Identity", "Reshape", "Squeeze", "ExpandDims", "ReadVariableOp", "StopGradient", "PreventGradient", "Snapshot"}
# Of what these make nothing can lie where their inputs lie; other operations may write their result over an input that
# nobody needs any more.
_ELSEWHERE = {
    "Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "DepthwiseConv2dNative", "DepthwiseConv2dNativeBackpropInput",
    "DepthwiseConv2dNativeBackpropFilter", "MatMul", "BatchMatMulV2", "ConcatV2", "Transpose", "Pad", "Tile", "AvgPool",
    "AvgPoolGrad",
}  # fmt: skip


def footprint(function, *specs):
    """(FLOPs, bytes) of one call: 2 × multiply-adds of convolutions and products of matrices, their gradients included; and
    the most that its results in between hold at once.

    The function is traced for static shapes and nothing is executed. The memory is that of operations that run one after the
    other in the order in which they were written, each with its results in full: without what a compiler saves by fusing them,
    and without the room that an operation works in. Variables and arguments are not counted.

    Args:
      function: a callable of tensors.
      *specs: nests of `tf.TensorSpec` of fully known shapes.
    """
    graph = tf.function(function, autograph=False).get_concrete_function(*specs).graph
    return 2 * sum(multiply_adds_of(graph).values()), _peak(graph)


def _peak(graph):
    operations = graph.get_operations()
    arguments = {id(each) for each in graph.inputs}
    kept = {}  # tensor → the tensor in whose memory it lies; None: in memory that is not counted

    def root(tensor):
        return kept.get(id(tensor), tensor)

    for operation in operations:
        for made in operation.outputs:
            if id(made) in arguments or operation.type in ("Placeholder", "Const", "ReadVariableOp"):
                kept[id(made)] = None
            elif operation.type in _VIEWS:
                kept[id(made)] = root(operation.inputs[0])
    last = {}
    for number, operation in enumerate(operations):
        for given in operation.inputs:
            if root(given) is not None:
                last[id(root(given))] = number
    for result in graph.outputs:
        if root(result) is not None:
            last[id(root(result))] = len(operations)
    held = peak = 0
    for number, operation in enumerate(operations):
        made = sum(_bytes(each) for each in operation.outputs if root(each) is each)
        given = {id(root(each)): root(each) for each in operation.inputs if root(each) is not None}
        freed = sum(_bytes(each) for key, each in given.items() if last[key] == number)
        over = 0 if operation.type in _ELSEWHERE else min(freed, made)
        peak = max(peak, held + made - over)
        unused = sum(_bytes(each) for each in operation.outputs if root(each) is each and id(each) not in last)
        held += made - freed - unused
    return peak


def _bytes(tensor):
    if tensor.dtype in (tf.resource, tf.variant, tf.string) or not tensor.shape.is_fully_defined():
        return 0
    return math.prod(tensor.shape) * tensor.dtype.size
