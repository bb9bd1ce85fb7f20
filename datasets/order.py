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


VISIT = 40  # crops of a pair that take long to fetch, for each time that it is fetched


def first_visit(place: tf.Tensor, batch: int) -> tf.Tensor:
    """At which step, 0 or before, a place in the batch (int64 []) begins its first visit; then one follows every VISIT steps.

    A visit shows crops of one pair at one place of the batch, at VISIT steps in a row. Places begin at different steps, so
    that nearly as many pairs are to be fetched at one step as at another; all pairs of a batch are different ones.
    """
    return -(place * VISIT // batch)


_WINDOW = 16  # steps' worth of crops among which the repeated ones are mixed


def repeated_number(number: tf.Tensor, batch: int, repeat: int, seed: int) -> tf.Tensor:
    """Which example's crop example `number` (int64 []) shows, if each crop is shown `repeat` times; itself if once.

    A place in the batch shows _WINDOW crops in an order of its own, then the same ones in another order, and so on, then the
    next _WINDOW. Places begin at different steps, so that nearly as many crops are new at one step as at another.
    """
    if repeat == 1:
        return number
    place = number % batch
    step = number // batch + place * (repeat * _WINDOW) // batch
    turn, position = step // _WINDOW, step % _WINDOW
    key = tf.random.experimental.stateless_fold_in(tf.stack([tf.cast(seed, tf.int64), turn]), place)
    row = tf.random.experimental.index_shuffle(position, key, tf.constant(_WINDOW - 1, tf.int64))
    return (turn // repeat * _WINDOW + row) * batch + place


def crops_shown_in_turns(repeat: int) -> int:
    """How many crops to keep for each place in the batch: with fewer, some that are still to be shown would be made again."""
    return 2 * _WINDOW if repeat > 1 else 0
