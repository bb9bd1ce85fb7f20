"""Random numbers that are a pure function of a seed and come out the same compiled or not.

TensorFlow's and XLA's stateless floats differ although their Philox bits agree, so uniform and normal numbers are made
from the bits here. Each example of a batch has a seed of its own: its numbers depend neither on the batch it is in nor on
the replica that computes it, so one device and many take the same training step.
"""

import math

import tensorflow as tf


def example_seeds(seed, indices):
    """One seed for each example: int64 [batch, 2] from a base seed (two integers) and example numbers (int64 [batch])."""
    base = tf.convert_to_tensor(seed, tf.int64)
    return tf.map_fn(lambda index: _fold_in(base, index), indices, fn_output_signature=tf.int64)


def fold_in(seeds, number):
    """New seeds (int64 [batch, 2]) for another purpose or another step from `seeds` and an integer."""
    return tf.map_fn(lambda seed: _fold_in(seed, tf.cast(number, tf.int64)), seeds)


def _fold_in(seed, number):
    return tf.random.experimental.stateless_fold_in(seed, number, alg="philox")


def uniform(seed, shape):
    """Uniform numbers in [0, 1) with 23 random bits, float32, from one seed (int64 [2])."""
    bits = tf.random.stateless_uniform(shape, seed, None, None, tf.uint32, alg="philox")
    mantissa = tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32))
    return tf.bitcast(tf.bitwise.bitwise_or(mantissa, tf.constant(0x3F800000, tf.uint32)), tf.float32) - 1.0


def normal(seed, shape):
    """Standard normal numbers, float32, from one seed (Box and Muller, 1958)."""
    draws = uniform(seed, tf.concat([[2], shape], axis=0))
    return tf.sqrt(-2.0 * tf.math.log(1.0 - draws[0])) * tf.cos(2.0 * math.pi * draws[1])


def uniform_each(seeds, shape):
    """[batch, *shape] uniform numbers, one example a seed (int64 [batch, 2])."""
    return tf.map_fn(lambda seed: uniform(seed, shape), seeds, fn_output_signature=tf.float32)


def normal_each(seeds, shape):
    """[batch, *shape] standard normal numbers, one example a seed (int64 [batch, 2])."""
    return tf.map_fn(lambda seed: normal(seed, shape), seeds, fn_output_signature=tf.float32)
