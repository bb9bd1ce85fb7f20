"""Random numbers that are a pure function of a seed and come out the same compiled or not.

TensorFlow's and XLA's stateless floats differ although their Philox bits agree, so uniform and normal numbers are made
from the bits here. Each example of a batch has a seed of its own: its numbers depend neither on the batch it is in nor on
the replica that computes it, so one device and many take the same training step.
"""

import enum
import math

import tensorflow as tf
from tensorflow.python.ops import random_ops_util


class RandomDomain(enum.IntEnum):
    """Purposes of random numbers: the second integer of a base seed, which keeps them apart where the first is the same.

    Weights and restored images follow from these numbers.
    """

    TRAINING_LOSSES = 0
    VALIDATION_LOSSES = 1
    VALIDATION_SAMPLES = 2
    RESTORATION = 3


def example_seeds(seed, indices):
    """One seed for each example: int64 [batch, 2] from a base seed and example numbers (int64 [batch]).

    The base seed is two integers: a config's or user's seed, and a `RandomDomain`.
    """
    base = tf.convert_to_tensor(seed, tf.int64)
    return tf.map_fn(lambda index: _fold_in(base, index), indices, fn_output_signature=tf.int64)


def fold_in(seeds, number):
    """New seeds (int64 [batch, 2]) for another purpose or another step from `seeds` and an integer."""
    return tf.map_fn(lambda seed: _fold_in(seed, tf.cast(number, tf.int64)), seeds)


def _fold_in(seed, number):
    return tf.random.experimental.stateless_fold_in(seed, number, alg="philox")


def uniform(seed, shape):
    """Uniform numbers in [0, 1) with 23 random bits, float32, from one seed (int64 [2])."""
    return _to_uniform(tf.random.stateless_uniform(shape, seed, None, None, tf.uint32, alg="philox"))


def _to_uniform(bits):
    mantissa = tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32))
    return tf.bitcast(tf.bitwise.bitwise_or(mantissa, tf.constant(0x3F800000, tf.uint32)), tf.float32) - 1.0


def normal(seed, shape):
    """Standard normal numbers, float32, from one seed (Box and Muller, 1958)."""
    count = tf.reduce_prod(tf.cast(shape, tf.int64))
    return tf.reshape(_normal_numbers(seed, count, 0, count), shape)


def normal_rows(seed, shape, first, last):
    """The rows `first` to `last` (exclusive) of `normal(seed, shape)`, bit for bit, without making the others."""
    shape = tf.convert_to_tensor(shape)
    length = tf.reduce_prod(tf.cast(shape[1:], tf.int64))
    numbers = _normal_numbers(
        seed, length * tf.cast(shape[0], tf.int64), length * tf.cast(first, tf.int64), length * tf.cast(last, tf.int64)
    )
    return tf.reshape(numbers, tf.concat([[last - first], shape[1:]], axis=0))


# Element-wise kernels round the last few numbers of an array otherwise, where they do not fill a vector register. Begun and
# ended at multiples of this, every number comes out the same in whatever array it is made.
_ALIGNMENT = 64


def _normal_numbers(seed, count, first, last):
    """Numbers `first` to `last` of `count` standard normal ones: number i is made of the uniform numbers i and count + i."""
    start = first // _ALIGNMENT * _ALIGNMENT
    aligned = -(-(last - start) // _ALIGNMENT) * _ALIGNMENT
    radius, angle = (_uniform_numbers(seed, offset + start, aligned) for offset in (0, count))
    numbers = tf.sqrt(-2.0 * tf.math.log(1.0 - radius)) * tf.cos(2.0 * math.pi * angle)
    return numbers[first - start : last - start]


def _uniform_numbers(seed, first, count):
    """`count` numbers of the stream of `uniform`, from number `first` on: Philox gives four for each value of its counter."""
    # What tf.random.stateless_uniform begins with, too.
    key, counter, alg = random_ops_util.get_key_counter_alg(seed, "philox")
    counter += tf.cast(tf.stack([first // 4, 0]), tf.uint64)
    skipped = first % 4
    bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[skipped + count], key=key, counter=counter, alg=alg, dtype=tf.uint32
    )
    return _to_uniform(bits[skipped:])


def uniform_each(seeds, shape):
    """[batch, *shape] uniform numbers, one example a seed (int64 [batch, 2])."""
    return tf.map_fn(lambda seed: uniform(seed, shape), seeds, fn_output_signature=tf.float32)


def normal_each(seeds, shape):
    """[batch, *shape] standard normal numbers, one example a seed (int64 [batch, 2])."""
    return tf.map_fn(lambda seed: normal(seed, shape), seeds, fn_output_signature=tf.float32)


def normal_rows_each(seeds, shape, first, last):
    """The rows `first` to `last` (exclusive) of each example of `normal_each(seeds, shape)`, bit for bit."""
    return tf.map_fn(lambda seed: normal_rows(seed, shape, first, last), seeds, fn_output_signature=tf.float32)


@tf.function(
    input_signature=[
        tf.TensorSpec([None, 2], tf.int64),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([3], tf.int32),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([], tf.int32),
    ],
    autograph=False,  # nothing branches by a tensor's values; to look for it takes nine tenths of the tracing
)
def sampling_noise(seeds, step, shape, first, last):
    """Standard normal numbers of a sampling step, one image a seed.

    Args:
      seeds: int64 [batch, 2].
      step: number of the step.
      shape: of one image.
      first, last: which of its rows are made, the last one exclusive; they are the same with and without the others.
    """
    return normal_rows_each(fold_in(seeds, step), shape, first, last)
