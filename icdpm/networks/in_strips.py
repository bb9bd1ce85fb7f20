"""Layers that see few pixels, worked off in strips of rows: what they make on their way is held for one strip at a time.

Restoring, whose graphs are made for pictures of any size, works so; training, whose graphs know the size, takes all at once.
"""

import tensorflow as tf

# Features of a strip, all channels of all its pixels: few enough for what is made of them to be small beside the picture,
# enough for the rows that are looked at twice, where strips meet, to be few.
FEATURES = 2**22


def is_of_known_size(x):
    """Whether height and width of a map are known when the graph is made."""
    return None not in x.shape[1:3]


def in_strips(function, x, halo=0):
    """function(x), the same to rounding.

    Args:
      function: of a map [batch, rows, width, channels] to one with as many rows, in which each row depends on `halo` rows
        around it, and edges are padded with zeros.
      x: a map.
      halo: see above.
    """
    count, window = _strips(x, halo)

    def add(number, strips):
        strip, own = window(number)
        # Rows first: it is along the first axis that parts are put together.
        return number + 1, strips.write(number, tf.transpose(own(function(strip)), [1, 0, 2, 3]))

    made = tf.TensorArray(x.dtype, count, infer_shape=False, element_shape=[None, *x.shape[:1], *x.shape[2:]])
    _, made = tf.while_loop(lambda number, _: number < count, add, (0, made), parallel_iterations=1)
    return tf.ensure_shape(tf.transpose(made.concat(), [1, 0, 2, 3]), x.shape)


def sum_over_strips(function, x, halo=0):
    """The sum of function(strip, own) over strips of x.

    Args:
      function: of a strip of x with `halo` rows around it, and of a function that takes these away again from a map of as many
        rows, to a tuple of float32 tensors.
      x, halo: as of `in_strips`.
    """
    count, window = _strips(x, halo)

    def add(number, *totals):
        return (number + 1, *(total + more for total, more in zip(totals, function(*window(number)))))

    first = function(*window(0))
    return tf.while_loop(lambda number, *_: number < count, add, (1, *first), parallel_iterations=1)[1:]


def _strips(x, halo):
    """(How many there are, function of a strip's number that gives it with its halo, and what takes the halo away)."""
    height, width = tf.unstack(tf.shape(x)[1:3])
    rows = tf.maximum(FEATURES // (width * x.shape[-1]), 1)

    def window(number):
        first = number * rows
        last = tf.minimum(first + rows, height)
        start = tf.maximum(first - halo, 0)
        return x[:, start : tf.minimum(last + halo, height)], lambda each: each[:, first - start : last - start]

    return -(-height // rows), window
