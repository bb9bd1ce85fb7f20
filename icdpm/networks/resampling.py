"""Changes of resolution by whole factors, and padding, in forms that XLA can compile together with their gradients."""

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


def reflect_pad_to_multiple(images: tf.Tensor, multiple: int) -> tf.Tensor:
    """Pads images by reflection at the bottom and right edges until height and width are divisible by `multiple`.

    The numbers are those of `icdpm.images.pixels.pad_to_multiple`. Sides may be shorter than the padding.

    Args:
      images: float [batch, height, width, channels], of any size.
      multiple: the common divisor of the padded height and width.

    Returns:
      The padded images.
    """
    height, width = tf.unstack(tf.shape(images)[1:3])
    images = tf.gather(images, _reflected_indices(height, multiple), axis=1)
    return tf.gather(images, _reflected_indices(width, multiple), axis=2)


def _reflected_indices(length, multiple):
    """Returns the source index of each pixel of a padded side: 0 … length − 1, then back and forth."""
    indices = tf.range(length + -length % multiple)
    # tf.pad reflects only once, which is not enough for sides shorter than the padding.
    period = tf.maximum(2 * (length - 1), 1)
    return tf.minimum(indices % period, period - indices % period)
