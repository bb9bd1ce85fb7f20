"""Random numbers that are a pure function of a seed, equal with and without XLA.

The stateless floats of TensorFlow and XLA differ although their Philox bits are equal, so uniform and normal numbers are
computed from the bits here. Each example of a batch has its own seed: its numbers depend neither on the rest of the batch
nor on the replica, so that one device and many compute the same training step.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Union

import tensorflow as tf
from tensorflow.python.ops import random_ops_util

# A shape whose sizes may be unknown when a graph is traced.
Shape = Union[Sequence[int], tf.Tensor]


class RandomDomain(enum.IntEnum):
    """Purpose of random numbers, the second integer of a base seed.

    It makes the numbers of different purposes independent where the first integer is the same. The values must not change:
    weights and restored images depend on them.
    """

    TRAINING_LOSSES = 0
    VALIDATION_LOSSES = 1
    VALIDATION_SAMPLES = 2
    RESTORATION = 3
    INFERENCE_GUIDANCE = 4


def example_seeds(seed: Sequence[int] | tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Returns one seed for each example, int64 [batch, 2].

    Args:
      seed: the base seed, two integers: the seed of a config or user, and a `RandomDomain`.
      indices: numbers of the examples, int64 [batch].
    """
    base = tf.convert_to_tensor(seed, tf.int64)
    return tf.map_fn(lambda index: _fold_in(base, index), indices, fn_output_signature=tf.int64)


def fold_in(seeds: tf.Tensor, number: int | tf.Tensor) -> tf.Tensor:
    """Returns new seeds, int64 [batch, 2], for another purpose or step, from seeds and an integer."""
    return tf.map_fn(lambda seed: _fold_in(seed, tf.cast(number, tf.int64)), seeds)


def _fold_in(seed, number):
    return tf.random.experimental.stateless_fold_in(seed, number, alg="philox")


def uniform(seed: tf.Tensor, shape: Shape) -> tf.Tensor:
    """Returns uniform numbers in [0, 1) with 23 random bits, float32, from one seed (int64 [2])."""
    return _to_uniform(tf.random.stateless_uniform(shape, seed, None, None, tf.uint32, alg="philox"))


def _to_uniform(bits):
    mantissa = tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32))
    return tf.bitcast(tf.bitwise.bitwise_or(mantissa, tf.constant(0x3F800000, tf.uint32)), tf.float32) - 1.0


def normal(seed: tf.Tensor, shape: Shape) -> tf.Tensor:
    """Returns standard normal numbers, float32, from one seed (int64 [2]; Box and Muller, 1958)."""
    count = tf.reduce_prod(tf.cast(shape, tf.int64))
    return tf.reshape(_normal_numbers(seed, count, 0, count), shape)


def normal_rows(seed: tf.Tensor, shape: Shape, first: int | tf.Tensor, last: int | tf.Tensor) -> tf.Tensor:
    """Returns the rows `first` to `last` (exclusive) of `normal(seed, shape)`, bit for bit, without computing the others."""
    shape = tf.convert_to_tensor(shape)
    length = tf.reduce_prod(tf.cast(shape[1:], tf.int64))
    numbers = _normal_numbers(
        seed, length * tf.cast(shape[0], tf.int64), length * tf.cast(first, tf.int64), length * tf.cast(last, tf.int64)
    )
    return tf.reshape(numbers, tf.concat([[last - first], shape[1:]], axis=0))


# Element-wise kernels round the last numbers of an array differently where these do not fill a vector register. With arrays
# that begin and end at multiples of this, a number does not depend on the array in which it is computed.
_ALIGNMENT = 64


def _normal_numbers(seed, count, first, last):
    """Returns numbers `first` to `last` of `count` standard normal ones; number i follows from uniform i and count + i."""
    start = first // _ALIGNMENT * _ALIGNMENT
    aligned = -(-(last - start) // _ALIGNMENT) * _ALIGNMENT
    radius, angle = (_uniform_numbers(seed, offset + start, aligned) for offset in (0, count))
    numbers = tf.sqrt(-2.0 * tf.math.log(1.0 - radius)) * tf.cos(2.0 * math.pi * angle)
    return numbers[first - start : last - start]


def _uniform_numbers(seed, first, count):
    """Returns `count` numbers of the stream of `uniform` from number `first` on; Philox gives four per value of its counter."""
    # As in tf.random.stateless_uniform.
    key, counter, alg = random_ops_util.get_key_counter_alg(seed, "philox")
    counter += tf.cast(tf.stack([first // 4, 0]), tf.uint64)
    skipped = first % 4
    bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[skipped + count], key=key, counter=counter, alg=alg, dtype=tf.uint32
    )
    return _to_uniform(bits[skipped:])


def uniform_each(seeds: tf.Tensor, shape: Shape) -> tf.Tensor:
    """Returns uniform numbers [batch, *shape], one example for each seed (int64 [batch, 2])."""
    return tf.map_fn(lambda seed: uniform(seed, shape), seeds, fn_output_signature=tf.float32)


def normal_each(seeds: tf.Tensor, shape: Shape) -> tf.Tensor:
    """Returns standard normal numbers [batch, *shape], one example for each seed (int64 [batch, 2])."""
    return tf.map_fn(lambda seed: normal(seed, shape), seeds, fn_output_signature=tf.float32)


def normal_rows_each(seeds: tf.Tensor, shape: Shape, first: int | tf.Tensor, last: int | tf.Tensor) -> tf.Tensor:
    """Returns the rows `first` to `last` (exclusive) of each example of `normal_each(seeds, shape)`, bit for bit."""
    return tf.map_fn(lambda seed: normal_rows(seed, shape, first, last), seeds, fn_output_signature=tf.float32)


@tf.function(
    input_signature=[
        tf.TensorSpec([None, 2], tf.int64),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([3], tf.int32),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([], tf.int32),
    ],
    autograph=False,  # no branch depends on a tensor, and AutoGraph takes nine tenths of the tracing time
)
def sampling_noise(seeds: tf.Tensor, step: tf.Tensor, shape: Shape, first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    """Returns the standard normal numbers of a sampling step, float32 [batch, rows, width, channels], one image for each seed.

    Args:
      seeds: int64 [batch, 2].
      step: number of the step, int32.
      shape: of one image, int32 [3].
      first: first row to compute. Rows do not depend on which others are computed.
      last: row after the last one to compute.
    """
    return normal_rows_each(fold_in(seeds, step), shape, first, last)
