"""Evaluation of layers in strips of rows, so that intermediate results exist for one strip at a time.

Graphs for images of any size use it, to restore large images. Training graphs have static sizes and process all rows at once.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# Features of a strip (channels times pixels): few enough for intermediate results to be small relative to the image, enough for
# few rows to be computed twice at the boundaries of strips.
STRIP_FEATURES = 2**22


def has_static_size(x: tf.Tensor) -> bool:
    """Returns whether height and width of a map are known when the graph is traced."""
    return None not in x.shape[1:3]


def map_strips(function: Callable, x: tf.Tensor, halo: int = 0) -> tf.Tensor:
    """Returns function(x), up to rounding, evaluated in strips.

    Args:
      function: maps [batch, rows, width, channels] to as many rows and columns. Each row of the result depends on `halo` rows
        around it, and edges are padded with zeros.
      x: [batch, height, width, channels].
      halo: see `function`.
    """
    count = _strip_count(x)

    def add(number, strips):
        strip, core = _strip(x, number, halo)
        # Rows first, because a TensorArray concatenates along the first axis.
        return number + 1, strips.write(number, tf.transpose(function(strip)[:, core], [1, 0, 2, 3]))

    outputs = tf.TensorArray(x.dtype, count, infer_shape=False, element_shape=[None, *x.shape[:1], *x.shape[2:]])
    _, outputs = tf.while_loop(lambda number, _: number < count, add, (0, outputs), parallel_iterations=1)
    return tf.ensure_shape(tf.transpose(outputs.concat(), [1, 0, 2, 3]), x.shape)


def sum_over_strips(function: Callable, x: tf.Tensor, halo: int = 0) -> tuple[tf.Tensor, ...]:
    """Returns the sums of function(strip, core) over the strips of x.

    Args:
      function: of a strip of x with `halo` rows around it, and of the slice of its rows without these; returns a tuple of
        float32 tensors.
      x: see `map_strips`.
      halo: see `map_strips`.
    """
    count = _strip_count(x)

    def add(number, *totals):
        return (number + 1, *(total + more for total, more in zip(totals, function(*_strip(x, number, halo)))))

    first = function(*_strip(x, 0, halo))
    return tf.while_loop(lambda number, *_: number < count, add, (1, *first), parallel_iterations=1)[1:]


def _rows_per_strip(x):
    return tf.maximum(STRIP_FEATURES // (tf.shape(x)[2] * x.shape[-1]), 1)


def _strip_count(x):
    return -(-tf.shape(x)[1] // _rows_per_strip(x))


def _strip(x, number, halo):
    """Returns a strip of x with up to `halo` more rows above and below, and the slice of its rows without these."""
    height, rows = tf.shape(x)[1], _rows_per_strip(x)
    first = number * rows
    last = tf.minimum(first + rows, height)
    start = tf.maximum(first - halo, 0)
    return x[:, start : tf.minimum(last + halo, height)], slice(first - start, last - start)
