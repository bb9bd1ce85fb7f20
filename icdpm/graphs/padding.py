"""Any size, in graphs, for networks that need multiples."""

import tensorflow as tf


def pad_in_graph(images, factor):
    """Reflects float [batch, height, width, channels] beyond right and bottom edges up to multiples of `factor`.

    The numbers of `icdpm.restoration.pixels.pad_to_multiple`; sides may be shorter than what is added.
    """
    height, width = tf.unstack(tf.shape(images)[1:3])
    images = tf.gather(images, _reflected(height, factor), axis=1)
    return tf.gather(images, _reflected(width, factor), axis=2)


def _reflected(length, factor):
    """Which of `length` pixels each pixel of the padded side shows: 0 … length − 1, then back again and again."""
    places = tf.range(length + -length % factor)
    # tf.pad reflects once only, which is too little for sides shorter than what is added.
    period = tf.maximum(2 * (length - 1), 1)
    return tf.minimum(places % period, period - places % period)
