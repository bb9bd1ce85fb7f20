"""The learned distance between two pictures (Zhang et al., "The Unreasonable Effectiveness of Deep Features")."""

import tensorflow as tf

from icdpm.metrics.networks.convolution import full_precision

# ImageNet's mean and deviation, for values in [−1, 1].
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-10


def lpips_distance(network, tensors):
    """LPIPS, version 0.1, over a network's features.

    Args:
      network: a function of pictures [batch, height, width, 3] to a list of features.
      tensors: the linear layers as their authors saved them, `lin0.model.1.weight` and so on, one for each of these.

    Returns:
      A function of two pictures, uint8 [height, width, 3], to their distance: equation 1 of the paper, summed over the
      features, of which each is first scaled to length 1 at every place.
    """
    linear = [tf.constant(tensors[f"lin{layer}.model.1.weight"].reshape(-1)) for layer in range(len(tensors))]
    picture = tf.TensorSpec([None, None, 3], tf.uint8)

    @tf.function(input_signature=[picture, picture], autograph=False)
    def distance(one, other):
        pair = tf.cast(tf.stack([one, other]), tf.float32) / 127.5 - 1
        total = tf.constant(0.0)
        for features, weights in zip(network((pair - _SHIFT) / _SCALE), linear):
            length = tf.sqrt(tf.reduce_sum(tf.square(features), -1, keepdims=True))
            features /= length + _EPSILON
            difference = tf.square(features[0] - features[1])
            total += tf.reduce_mean(tf.linalg.matvec(difference, weights))
        return total

    def in_full_precision(one, other):
        with full_precision():
            return float(distance(one, other))

    return in_full_precision
