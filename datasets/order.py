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


_MIN_SLOTS = 64


def slot_count(batch: int) -> int:
    """Returns the number of slots, from each of which crops of one pair are taken at a time.

    Example n belongs to slot n modulo this number, a multiple of the batch size. Small batches take turns at the slots, so that
    successive batches show different pairs.
    """
    return batch * -(-_MIN_SLOTS // batch)


def crops_per_pair(crop: int) -> int:
    """Returns the number of consecutive crops that a slot takes from a decoded pair before it moves to the next pair: a block.

    Decoding a pair of 1280×720 takes about 30 ms of a core. 40 crops of 128×128 have 71 % of its pixels, and larger crops as
    many, so that a pair is decoded once for about as many pixels as it has.
    """
    return max(1, min(40, 40 * 128**2 // crop**2))


def first_block(slot: tf.Tensor, slots: int, crops: int) -> tf.Tensor:
    """Returns the round (example number divided by `slots`), at most 0, at which the first block of a slot begins.

    Blocks of different slots begin in different rounds, so that about equally many pairs are decoded in each of them.

    Args:
      slot: index of the slot, int64 [].
      slots: number of slots.
      crops: number of crops in a block.
    """
    return -(slot * crops // slots)


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
