"""Input checks inside exported graphs, with error messages that a client can show.

All checks return their tensor and raise InvalidArgumentError when the graph runs on an invalid one.
"""

from __future__ import annotations

import tensorflow as tf


def check_layout(tensor: tf.Tensor, name: str, layout: list) -> tf.Tensor:
    """Returns the tensor if its shape matches `layout`.

    Args:
      tensor: an input of a signature.
      name: its name in error messages.
      layout: name or size of each dimension, such as ['batch', 'height', 'width', 3]; only sizes are compared.
    """
    # Servers feed tensors of any shape, while a graph relies on the declared one. The output of this op declares none.
    tensor = tf.raw_ops.PlaceholderWithDefault(input=tensor, shape=None)
    shape, rank = tf.shape(tensor), len(layout)
    sizes = [size if isinstance(size, int) else None for size in layout]
    # Padded, so that a shape with too few dimensions can be compared as well.
    first = tf.concat([shape, [-1] * rank], axis=0)[:rank]
    expected = tf.where([size is None for size in sizes], first, [size or 0 for size in sizes])
    matches = tf.equal(tf.size(shape), rank) & tf.reduce_all(tf.equal(first, expected))
    message = f"{name} has the shape {{}}; it must be [{', '.join(map(str, layout))}]"
    return tf.ensure_shape(check_condition(tensor, matches, tf.strings.format(message, shape)), sizes)


def check_images(images: tf.Tensor, name: str, lowest: float, highest: float, max_pixels: int) -> tf.Tensor:
    """Returns the images if they are not empty, not too large, finite and in range.

    Args:
      images: float32, declared as [batch, height, width, 3].
      name: their name in error messages.
      lowest: smallest valid value.
      highest: largest valid value.
      max_pixels: the largest number of pixels of an image.
    """
    images = check_layout(images, name, ["batch", "height", "width", 3])
    shape = tf.shape(images)
    empty = tf.strings.format(f"{name} is empty: its shape is {{}}", shape)
    images = check_condition(images, tf.reduce_all(shape > 0), empty)
    too_large = too_large_message(f"an image of {name}", shape[1:3], max_pixels)
    images = check_condition(images, count_pixels(shape[1:3]) <= max_pixels, too_large)
    images = check_finite(images, name)
    minimum, maximum = tf.reduce_min(images), tf.reduce_max(images)
    message = f"{name} holds values from {{}} to {{}}; they must be in [{lowest}, {highest}]"
    out_of_range = tf.strings.format(message, [minimum, maximum])
    return check_condition(images, tf.logical_and(minimum >= lowest, maximum <= highest), out_of_range)


def check_shape(tensor: tf.Tensor, name: str, layout: list, shape: tf.Tensor) -> tf.Tensor:
    """Returns the tensor if it has the layout (see `check_layout`) and the shape (int32 [rank]) that `blurry` requires."""
    tensor = check_layout(tensor, name, layout)
    message = tf.strings.format(f"{name} has the shape {{}}; with the given blurry it must be {{}}", [tf.shape(tensor), shape])
    return check_condition(tensor, tf.reduce_all(tf.equal(tf.shape(tensor), shape)), message)


def check_finite(tensor: tf.Tensor, name: str) -> tf.Tensor:
    """Returns the tensor if it holds neither NaN nor infinity."""
    return check_condition(tensor, tf.reduce_all(tf.math.is_finite(tensor)), f"{name} holds NaN or infinite values")


def check_condition(tensor: tf.Tensor, condition: tf.Tensor, message: str | tf.Tensor) -> tf.Tensor:
    """Returns the tensor if `condition` (bool scalar) is true; `message` is the error's text."""
    with tf.control_dependencies([tf.debugging.Assert(condition, [message], summarize=-1)]):
        return tf.identity(tensor)


def count_pixels(size: tf.Tensor) -> tf.Tensor:
    """Returns the number of pixels (int64 scalar) of an image of `size`, int32 [height, width]."""
    return tf.reduce_prod(tf.cast(size, tf.int64))


def too_large_message(subject: str, size: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Returns the error message (string scalar) for an image of `size`, int32 [height, width], with too many pixels."""
    return tf.strings.format(
        f"{subject} has {{}} x {{}} pixels; this model takes at most {max_pixels} pixels", [size[1], size[0]]
    )
