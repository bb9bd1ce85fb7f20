"""What `icdpm.restoration` does to one picture, as operations of a graph that give the same numbers, bit for bit."""

import tensorflow as tf

from icdpm.diffusion.loop import draw_in_graph
from icdpm.restoration.restore import PIXELS_AT_ONCE


def restore_in_graph(system, image, plan, seeds):
    """The mean of several sharp samples of a blurry picture.

    Args:
      system: a trained system.
      image: float32 [height, width, 3] in [−1, 1], of any size.
      plan: the steps of a sampler.
      seeds: int64 [samples, 2], one for each sample.

    Returns:
      float64 [height, width, 3] in [−1, 1].
    """
    padded = pad_in_graph(image[None], system.factor)
    guidance = system.compiled_guide(padded)
    at_once = tf.maximum(1, PIXELS_AT_ONCE // (tf.shape(padded)[1] * tf.shape(padded)[2]))
    samples = seeds.shape[0]

    def add_some(first, total):
        some = seeds[first : first + at_once]
        count = tf.shape(some)[0]
        drawn = system.sample(
            tf.repeat(padded, count, axis=0),
            tf.nest.map_structure(lambda features: tf.repeat(features, count, axis=0), guidance),
            plan,
            some,
            follow=draw_in_graph,
        )
        return first + count, total + tf.reduce_sum(tf.cast(drawn, tf.float64), axis=0)

    start = [tf.constant(0), tf.zeros_like(padded[0], tf.float64)]
    _, total = tf.while_loop(lambda first, _: first < samples, add_some, start, parallel_iterations=1)
    return (total / samples)[: tf.shape(image)[0], : tf.shape(image)[1]]


def pad_in_graph(images, factor):
    """`icdpm.restoration.padding.pad_to_multiple` of float [batch, height, width, channels]."""
    height, width = tf.unstack(tf.shape(images)[1:3])
    images = tf.gather(images, _reflected(height, factor), axis=1)
    return tf.gather(images, _reflected(width, factor), axis=2)


def _reflected(length, factor):
    """Which of `length` pixels each pixel of the padded side shows: 0 … length − 1, then back again and again."""
    places = tf.range(length + -length % factor)
    # tf.pad reflects once only, which is too little for sides shorter than what is added.
    period = tf.maximum(2 * (length - 1), 1)
    return tf.minimum(places % period, period - places % period)
