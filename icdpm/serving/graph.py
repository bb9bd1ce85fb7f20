"""What `icdpm.restoration` does to one picture, as operations of a graph that give the same numbers, bit for bit."""

import tensorflow as tf

from icdpm.models.sampling import sample_in_graph
from icdpm.networks.operations import reflect_pad_to_multiple
from icdpm.restoration.restore import PIXELS_AT_ONCE


def restore_in_graph(model, image, plan, seeds):
    """The mean of several sharp samples of a blurry picture.

    Args:
      model: a trained model.
      image: float32 [height, width, 3] in [−1, 1], of any size.
      plan: of `model.sampling_schedule`.
      seeds: int64 [samples, 2], one for each sample.

    Returns:
      float64 [height, width, 3] in [−1, 1].
    """
    padded = reflect_pad_to_multiple(image[None], model.size_multiple)
    conditions = model.compiled_encode_condition(padded)
    at_once = tf.maximum(1, PIXELS_AT_ONCE // (tf.shape(padded)[1] * tf.shape(padded)[2]))
    samples = seeds.shape[0]

    def add_some(first, total):
        some = seeds[first : first + at_once]
        count = tf.shape(some)[0]
        told = tf.nest.map_structure(lambda features: tf.repeat(features, count, axis=0), conditions)
        drawn = sample_in_graph(model, tf.repeat(padded, count, axis=0), told, plan, some)
        return first + count, total + tf.reduce_sum(tf.cast(drawn, tf.float64), axis=0)

    start = [tf.constant(0), tf.zeros_like(padded[0], tf.float64)]
    _, total = tf.while_loop(lambda first, _: first < samples, add_some, start, parallel_iterations=1)
    return (total / samples)[: tf.shape(image)[0], : tf.shape(image)[1]]
