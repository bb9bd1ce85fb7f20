"""Which pair a training example shows: a pure function of the seed and the example's number."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def shuffled_index(number: tf.Tensor, pairs: tf.Tensor | int, seed: tf.Tensor | int) -> tf.Tensor:
    """Which of `pairs` pairs example `number` (int64 []) shows: every epoch is a permutation of its own."""
    pairs = tf.cast(pairs, tf.int64)
    epoch, position = number // pairs, number % pairs
    return tf.random.experimental.index_shuffle(position, tf.stack([tf.cast(seed, tf.int64), epoch]), pairs - 1)


def mixed_index(number: tf.Tensor, counts: Sequence[int], weights: Sequence[int], seed: int) -> tf.Tensor:
    """Which pair of several sets example `number` (int64 []) shows; the sets' pairs are numbered one after another.

    Args:
      number: of the example.
      counts: how many pairs each set has.
      weights: positive whole numbers: set k has weights[k] of every sum(weights) examples, spread evenly.
      seed: of the order within each set, where every epoch is a permutation of its own.
    """
    part, position = _part(number, weights)
    first = tf.cumsum(tf.constant(counts, tf.int64), exclusive=True)
    return tf.gather(first, part) + shuffled_index(position, tf.gather(counts, part), seed + part)


def _part(number: tf.Tensor, weights: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """The set that example `number` comes from and how many earlier examples came from it, both int64 []."""
    part, position = tf.zeros([], tf.int64), number
    found = tf.constant(False)
    for k, weight in enumerate(weights):
        # Set k takes its share, evenly spread, of the examples that the sets before it have left.
        total = sum(weights[k:])
        before, after = (n // total * weight + n % total * weight // total for n in (position, position + 1))
        taken = (after > before) & ~found
        part = tf.where(taken, tf.constant(k, tf.int64), part)
        position = tf.where(found, position, tf.where(taken, before, position - before))
        found |= taken
    return part, position
