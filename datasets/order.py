"""Order of training examples: the pair and crop of each as a pure function of the seed and the example's number."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def shuffled_index(number: tf.Tensor, pairs: tf.Tensor | int, seed: tf.Tensor | int) -> tf.Tensor:
    """Returns the index of an example's pair. Every epoch is another permutation of the pairs.

    Args:
      number: number of the example, int64 [].
      pairs: number of pairs.
      seed: determines the permutations.
    """
    pairs = tf.cast(pairs, tf.int64)
    epoch, position = number // pairs, number % pairs
    return tf.random.experimental.index_shuffle(position, tf.stack([tf.cast(seed, tf.int64), epoch]), pairs - 1)


def mixed_index(number: tf.Tensor, counts: Sequence[int], weights: Sequence[int], seed: int) -> tf.Tensor:
    """Returns the index of the pair of a mixture's example. Pairs are numbered one source after another.

    Args:
      number: number of the example, int64 [].
      counts: number of pairs of each source.
      weights: positive integers; source k has weights[k] of every sum(weights) examples, evenly distributed.
      seed: determines the order within each source, where every epoch is another permutation.
    """
    part, position = _part(number, weights)
    first = tf.cumsum(tf.constant(counts, tf.int64), exclusive=True)
    return tf.gather(first, part) + shuffled_index(position, tf.gather(counts, part), seed + part)


def _part(number: tf.Tensor, weights: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the source of an example and the number of earlier examples of that source, both int64 []."""
    part, position = tf.zeros([], tf.int64), number
    found = tf.constant(False)
    for k, weight in enumerate(weights):
        # Source k takes its share, evenly distributed, of the examples that the sources before it have left.
        total = sum(weights[k:])
        before, after = (n // total * weight + n % total * weight // total for n in (position, position + 1))
        taken = (after > before) & ~found
        part = tf.where(taken, tf.constant(k, tf.int64), part)
        position = tf.where(found, position, tf.where(taken, before, position - before))
        found |= taken
    return part, position


CROPS_PER_FETCH = 40  # consecutive crops that a batch slot takes from a fetched pair: a block


def first_block(slot: tf.Tensor, batch: int) -> tf.Tensor:
    """Returns the step, at most 0, at which the first block of a batch slot begins.

    Each batch slot takes `CROPS_PER_FETCH` consecutive crops from a fetched pair before it moves to the next pair. Blocks of
    different slots begin at different steps, so that about equally many pairs are fetched in each step.

    Args:
      slot: index within the global batch, int64 [].
      batch: size of the global batch.
    """
    return -(slot * CROPS_PER_FETCH // batch)


_WINDOW = 16  # steps whose crops are shuffled together when crops are repeated


def repeated_number(number: tf.Tensor, batch: int, repeat: int, seed: int) -> tf.Tensor:
    """Returns the number of the example whose crop an example uses, if each crop is used `repeat` times.

    A batch slot uses _WINDOW crops in a random order, then the same crops in another order, and so on, then the next _WINDOW
    crops. Slots start at different steps, so that about equally many crops are new in each step.

    Args:
      number: number of the example, int64 [].
      batch: size of the global batch.
      repeat: number of uses of each crop; with 1, the result is `number`.
      seed: determines the orders.
    """
    if repeat == 1:
        return number
    slot = number % batch
    step = number // batch + slot * (repeat * _WINDOW) // batch
    block, offset = step // _WINDOW, step % _WINDOW
    key = tf.random.experimental.stateless_fold_in(tf.stack([tf.cast(seed, tf.int64), block]), slot)
    row = tf.random.experimental.index_shuffle(offset, key, tf.constant(_WINDOW - 1, tf.int64))
    return (block // repeat * _WINDOW + row) * batch + slot


def crops_to_keep(repeat: int) -> int:
    """Returns the number of crops to keep per batch slot, so that none is made twice."""
    return 2 * _WINDOW if repeat > 1 else 0
