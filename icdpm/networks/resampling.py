"""Changes of resolution by whole factors, in forms that XLA can compile together with their gradients."""

import tensorflow as tf


def average_pool(x, factor):
    """Area (antialiased) downsampling of [batch, height, width, channels] by a whole factor.

    Height and width must be divisible by the factor; the result is [batch, height/factor, width/factor, channels].
    """
    return tf.nn.avg_pool2d(x, ksize=factor, strides=factor, padding="VALID")


def repeat_pixels(x, factor):
    """Nearest-neighbour upsampling of [batch, height, width, channels] by a whole factor.

    Broadcast and reshape instead of a resize op: the gradient of ResizeNearestNeighbor has no XLA kernel.
    """
    shape = tf.shape(x)
    batch, height, width, channels = shape[0], shape[1], shape[2], x.shape[-1]
    spread = tf.broadcast_to(x[:, :, None, :, None, :], [batch, height, factor, width, factor, channels])
    repeated = tf.reshape(spread, [batch, factor * height, factor * width, channels])
    static_height, static_width = (None if side is None else side * factor for side in x.shape[1:3])
    return tf.ensure_shape(repeated, [x.shape[0], static_height, static_width, channels])
