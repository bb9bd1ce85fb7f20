"""Order of training examples: the pair and crop of each as a pure function of the seed and the example's number."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def shuffled_index(number: tf.Tensor, pairs: tf.Tensor | int, seed: tf.Tensor | int) -> tf.Tensor:
    """Returns the index of the pair that an example shows. Every epoch is another permutation of the pairs.

    Args:
      number: number of the example, int64 [].
      pairs: number of pairs.
      seed: determines the permutations.
    """
    pairs = tf.cast(pairs, tf.int64)
    epoch, position = number // pairs, number % pairs
    return tf.random.experimental.index_shuffle(position, tf.stack([tf.cast(seed, tf.int64), epoch]), pairs - 1)


def mixed_index(number: tf.Tensor, counts: Sequence[int], weights: Sequence[int], seed: int) -> tf.Tensor:
    """Returns the index of the pair that an example of a mixture shows. Pairs are numbered one source after another.

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


VISIT = 40  # crops that are cut from a remote pair each time that it is fetched


def first_visit(place: tf.Tensor, batch: int) -> tf.Tensor:
    """Returns the step, 0 or before, of the first visit of a position in the batch; another follows every VISIT steps.

    A visit shows crops of one pair at one position of the batch in VISIT consecutive steps. Positions start at different steps,
    so that about equally many pairs are fetched in each step.

    Args:
      place: position in the global batch, int64 [].
      batch: size of the global batch.
    """
    return -(place * VISIT // batch)


_WINDOW = 16  # steps whose crops are shuffled together when crops are repeated


def repeated_number(number: tf.Tensor, batch: int, repeat: int, seed: int) -> tf.Tensor:
    """Returns the number of the example whose crop an example shows, if each crop is shown `repeat` times.

    A position in the batch shows _WINDOW crops in a random order, then the same crops in another order, and so on, then the
    next _WINDOW crops. Positions start at different steps, so that about equally many crops are new in each step.

    Args:
      number: number of the example, int64 [].
      batch: size of the global batch.
      repeat: how often each crop is shown; with 1, the result is `number`.
      seed: determines the orders.
    """
    if repeat == 1:
        return number
    place = number % batch
    step = number // batch + place * (repeat * _WINDOW) // batch
    turn, position = step // _WINDOW, step % _WINDOW
    key = tf.random.experimental.stateless_fold_in(tf.stack([tf.cast(seed, tf.int64), turn]), place)
    row = tf.random.experimental.index_shuffle(position, key, tf.constant(_WINDOW - 1, tf.int64))
    return (turn // repeat * _WINDOW + row) * batch + place


def crops_to_keep(repeat: int) -> int:
    """Returns how many crops per position in the batch must be kept, so that none is made twice."""
    return 2 * _WINDOW if repeat > 1 else 0
