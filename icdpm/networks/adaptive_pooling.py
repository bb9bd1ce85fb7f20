"""Averages over a fixed number of areas, whatever the size."""

import tensorflow as tf


def adaptive_average_pool(x, side, of=None, at=(0, 0)):
    """The means over side × side areas that cover a map of any size, float32 [batch, side, side, channels].

    Area i of a side of n pixels is from ⌊i·n/side⌋ to ⌈(i+1)·n/side⌉: areas overlap where n is not divisible.

    Args:
      x: float [batch, height, width, channels].
      side: areas to a side.
      of: (height, width) of a larger map of which x is a part, whose means are the sum of what its parts give; None: x is all.
      at: row and column in it where x begins.
    """
    shape = tf.shape(x)
    sizes = of or (shape[1], shape[2])
    rows, columns = (_shares(size, side)[:, first : first + shape[axis]] for size, first, axis in zip(sizes, at, (1, 2)))
    # Height and channels side by side: one matrix product for each axis.
    channels = x.shape[-1]
    over_rows = tf.matmul(rows, tf.reshape(tf.cast(x, tf.float32), [shape[0], shape[1], shape[2] * channels]))
    by_row = tf.reshape(over_rows, [shape[0], side, shape[2], channels])
    return tf.ensure_shape(tf.matmul(columns, by_row), [x.shape[0], side, side, channels])


def _shares(size, side):
    """What each pixel of a side counts in each area: float32 [side, size], the sums of rows are 1."""
    area, pixel = tf.range(side)[:, None], tf.range(size)[None]
    start, stop = area * size // side, -(-(area + 1) * size // side)
    within = tf.cast((pixel >= start) & (pixel < stop), tf.float32)
    return within / tf.cast(stop - start, tf.float32)
