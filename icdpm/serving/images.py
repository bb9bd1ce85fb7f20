"""Encoded images in a graph: PNG and JPEG to values and back to PNG of the same kind, errors as text."""

from typing import NamedTuple

import tensorflow as tf

from icdpm.serving.input_checks import pixels_of, too_large

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# In the header of a PNG file: height and width; bits a channel.
_PNG_SIZE_AT, _PNG_DEPTH_AT = 16, 24


class DecodedImage(NamedTuple):
    """An image as its file has it.

    Attributes:
      channels: float32 [height, width, 1 to 4] in [0, 1]: gray, gray + alpha, RGB or RGB + alpha.
      is_deep: whether it has 16 bits a channel, else 8.
    """

    channels: tf.Tensor
    is_deep: tf.Tensor


def decode_image(content, max_pixels):
    """The image in the bytes (string []) of a PNG or JPEG file.

    The orientation in its EXIF data, if any, is not applied: TensorFlow does not read it.

    Returns:
      (a DecodedImage, which is nothing to go by if there is an error, what is wrong with it (string []): a sentence
      or ""). The graph itself does not fail.
    """
    is_png, is_jpeg = (_starts_with(content, magic) for magic in (_PNG, _JPEG))
    size = _attempt_if(is_png | is_jpeg, lambda content: _size(content, is_png), content, tf.zeros([2], tf.int32))
    is_too_large = pixels_of(size) > max_pixels
    is_wanted = tf.reduce_all(size > 0) & ~is_too_large
    nothing = (tf.zeros([0, 0, 0]), tf.constant(False))
    image = DecodedImage(*_attempt_if(is_wanted, lambda content: _decode(content, is_png), content, nothing))
    error = tf.case(
        [
            (tf.equal(tf.strings.length(content), 0), lambda: tf.constant("the image is empty: it has no bytes")),
            (~(is_png | is_jpeg), lambda: tf.constant("the bytes are not a PNG or JPEG image")),
            (is_too_large, lambda: too_large("the image", size, max_pixels)),
            (tf.equal(tf.size(image.channels), 0), lambda: tf.constant("the image is damaged")),
        ],
        default=lambda: tf.constant(""),
    )
    return image, error


def to_rgb(image):
    """The colours of a DecodedImage, without alpha: float32 [height, width, 3] in [−1, 1]; gray as three equal channels."""
    shape = tf.shape(image.channels)
    return tf.broadcast_to(image.channels[..., : _colors(image)], [shape[0], shape[1], 3]) * 2.0 - 1.0


def encode_like(values, image):
    """A PNG file (string []) of the kind that a DecodedImage is, with its alpha.

    Args:
      values: float64 [height, width, 3] in [−1, 1]. A gray image becomes the mean of the channels.
      image: the DecodedImage.
    """
    colors = _colors(image)
    values = tf.cond(tf.equal(colors, 1), lambda: tf.reduce_mean(values, axis=-1, keepdims=True), lambda: values)
    alpha = tf.cast(image.channels[..., colors:], tf.float64)

    def encoded(dtype):
        pixels = tf.concat([(values + 1.0) * (dtype.max / 2), alpha * dtype.max], axis=-1)
        pixels = tf.cast(tf.clip_by_value(tf.round(pixels), 0, dtype.max), tf.int32)
        return tf.io.encode_png(tf.cast(pixels, dtype))

    return tf.cond(image.is_deep, lambda: encoded(tf.uint16), lambda: encoded(tf.uint8))


def _colors(image):
    return tf.where(tf.shape(image.channels)[-1] < 3, 1, 3)


def _starts_with(content, magic):
    return tf.equal(tf.strings.substr(content, 0, len(magic)), magic)


def _size(content, is_png):
    """int32 [2]: height and width, as the header says, before anything is decoded. Fails on other bytes."""

    def of_png():
        return tf.io.decode_raw(tf.strings.substr(content, _PNG_SIZE_AT, 8), tf.int32, little_endian=False)[::-1]

    return tf.ensure_shape(tf.cond(is_png, of_png, lambda: tf.io.extract_jpeg_shape(content)[:2]), [2])


def _decode(content, is_png):
    """(channels, is_deep) as of DecodedImage. Fails on damaged images."""
    is_deep = is_png & tf.equal(tf.strings.substr(content, _PNG_DEPTH_AT, 1), b"\x10")

    def deep_png():
        return _scaled(tf.io.decode_png(content, dtype=tf.uint16))

    def png():
        return _scaled(tf.io.decode_png(content))

    def jpeg():
        # The accurate transform is what other decoders use; TensorFlow's default is a fast one that is off by some levels.
        return _scaled(tf.io.decode_jpeg(content, dct_method="INTEGER_ACCURATE"))

    return tf.case([(is_deep, deep_png), (is_png, png)], default=jpeg), is_deep


def _scaled(pixels):
    """float32 in [0, 1]. In float64 between, so that a division that the graph turns into a product gives the same."""
    return tf.cast(tf.cast(pixels, tf.float64) / pixels.dtype.max, tf.float32)


def _attempt_if(wanted, function, content, otherwise):
    """function(content) if it is wanted (bool []), or `otherwise`; also where its operations fail: one bad image must not
    fail a batch.

    tf.data is what knows how to go on after an error in a graph.
    """

    def attempt():
        dataset = tf.data.Dataset.from_tensors(content).map(function).ignore_errors()
        return dataset.reduce(otherwise, lambda _, result: result)

    return tf.cond(wanted, attempt, lambda: otherwise)
