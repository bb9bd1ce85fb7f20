"""What a graph says of inputs that it cannot use, in words that a client can show."""

import tensorflow as tf


def check_layout(tensor, name, layout):
    """The tensor, once its shape is that of `layout`.

    Args:
      tensor: an input of a signature.
      name: what messages call it.
      layout: name or number of each dimension, such as ['batch', 'height', 'width', 3]; a number must be met.

    Raises (when the graph runs): InvalidArgumentError.
    """
    # Servers feed any shape, while a graph takes the declared one for granted; what comes out of this op has none declared.
    tensor = tf.raw_ops.PlaceholderWithDefault(input=tensor, shape=None)
    shape, rank = tf.shape(tensor), len(layout)
    sizes = [size if isinstance(size, int) else None for size in layout]
    # Of a shape that is too short, this is the shape with something behind it.
    first = tf.concat([shape, [-1] * rank], axis=0)[:rank]
    wanted = tf.where([size is None for size in sizes], first, [size or 0 for size in sizes])
    fits = tf.equal(tf.size(shape), rank) & tf.reduce_all(tf.equal(first, wanted))
    message = f"{name} has the shape {{}}; it must be [{', '.join(map(str, layout))}]"
    return tf.ensure_shape(check_that(tensor, fits, tf.strings.format(message, shape)), sizes)


def check_images(images, name, lowest, highest, max_pixels):
    """Images, once they are known to be usable.

    Args:
      images: float32 [batch, height, width, 3], of any shape in truth.
      name: what messages call them.
      lowest, highest: the range of their values.
      max_pixels: how many pixels an image may have.

    Raises (when the graph runs): InvalidArgumentError: wrong shape, empty or too large images, values that are not
      finite or out of range.
    """
    images = check_layout(images, name, ["batch", "height", "width", 3])
    shape = tf.shape(images)
    empty = tf.strings.format(f"{name} is empty: its shape is {{}}", shape)
    images = check_that(images, tf.reduce_all(shape > 0), empty)
    images = check_that(images, pixels_of(shape[1:3]) <= max_pixels, too_large(f"an image of {name}", shape[1:3], max_pixels))
    images = check_finite(images, name)
    least, most = tf.reduce_min(images), tf.reduce_max(images)
    found = tf.strings.format(f"{name} holds values from {{}} to {{}}; they must be in [{lowest}, {highest}]", [least, most])
    return check_that(images, tf.logical_and(least >= lowest, most <= highest), found)


def check_shape(tensor, name, layout, shape):
    """The tensor, once it has the layout (`check_layout`) and the shape (int32 [rank]) that follows from that of blurry."""
    tensor = check_layout(tensor, name, layout)
    message = tf.strings.format(
        f"{name} has the shape {{}}; with the given blurry it must be {{}}", [tf.shape(tensor), shape]
    )
    return check_that(tensor, tf.reduce_all(tf.equal(tf.shape(tensor), shape)), message)


def check_finite(tensor, name):
    """The tensor, once it holds neither NaN nor infinity. Raises InvalidArgumentError when the graph runs."""
    return check_that(tensor, tf.reduce_all(tf.math.is_finite(tensor)), f"{name} holds NaN or infinite values")


def check_that(tensor, holds, message):
    """The tensor, once `holds` (bool []) is true. Raises InvalidArgumentError with the message when the graph runs."""
    with tf.control_dependencies([tf.debugging.Assert(holds, [message], summarize=-1)]):
        return tf.identity(tensor)


def pixels_of(size):
    """int64: the number of pixels of an image of int32 [height, width]."""
    return tf.reduce_prod(tf.cast(size, tf.int64))


def too_large(what, size, max_pixels):
    """The sentence about an image of int32 [height, width] with more pixels than the model takes; width goes first."""
    return tf.strings.format(
        f"{what} has {{}} x {{}} pixels; this model takes at most {max_pixels} pixels", [size[1], size[0]]
    )
