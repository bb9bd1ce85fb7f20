"""Encoded images in a graph: decodes PNG and JPEG files, encodes PNG files of the same kind, and returns errors as text."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from icdpm.serving.input_checks import count_pixels, too_large_message

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# Offsets in the header of a PNG file: of the size, the number of bits per channel, and the color type.
_PNG_SIZE_OFFSET, _PNG_DEPTH_OFFSET, _PNG_COLOR_TYPE_OFFSET = 16, 24, 25


class DecodedImage(NamedTuple):
    """Channels and bit depth of a decoded file.

    Attributes:
      channels: float32 [height, width, 1 to 4] in [0, 1]: gray, gray + alpha, RGB or RGB + alpha.
      is_16bit: bool scalar: 16 bits per channel if true, else 8.
    """

    channels: tf.Tensor
    is_16bit: tf.Tensor


def decode_in_graph(content: tf.Tensor, max_pixels: int) -> tuple[DecodedImage, tf.Tensor]:
    """Decodes a PNG or JPEG file.

    The EXIF orientation is not applied, because TensorFlow does not read it.

    Args:
      content: string scalar, the bytes of the file.
      max_pixels: the largest number of pixels; larger images are not decoded.

    Returns:
      (image, error): a `DecodedImage`, invalid if there is an error, and the error message (string scalar), or "". The
      graph itself does not fail.
    """
    is_png, is_jpeg = (_starts_with(content, magic) for magic in (_PNG, _JPEG))
    shape = _call_if(is_png | is_jpeg, lambda content: _read_shape(content, is_png), content, tf.zeros([3], tf.int32))
    size = shape[:2]
    is_too_large = count_pixels(size) > max_pixels
    # Others than the first image would be lost, and colors converted without their profile.
    is_animation = _call_if(is_png, lambda content: _has_chunk(content, b"acTL"), content, tf.constant(False))
    is_cmyk = is_jpeg & tf.equal(shape[2], 4)
    is_decodable = tf.reduce_all(size > 0) & ~is_too_large & ~is_animation & ~is_cmyk
    nothing = (tf.zeros([0, 0, 0]), tf.constant(False))
    image = DecodedImage(*_call_if(is_decodable, lambda content: _decode(content, is_png), content, nothing))
    error = tf.case(
        [
            (tf.equal(tf.strings.length(content), 0), lambda: tf.constant("the image is empty: it has no bytes")),
            (~(is_png | is_jpeg), lambda: tf.constant("the bytes are not a PNG or JPEG image")),
            (is_animation, lambda: tf.constant("the image is an animation")),
            (is_cmyk, lambda: tf.constant("the image has CMYK colors; convert it to RGB first")),
            (is_too_large, lambda: too_large_message("the image", size, max_pixels)),
            (tf.equal(tf.size(image.channels), 0), lambda: tf.constant("the image is damaged")),
        ],
        default=lambda: tf.constant(""),
    )
    return image, error


def to_rgb(image: DecodedImage) -> tf.Tensor:
    """Returns the colors without alpha, float32 [height, width, 3] in [−1, 1]; gray becomes three equal channels."""
    shape = tf.shape(image.channels)
    return tf.broadcast_to(image.channels[..., : _count_colors(image)], [shape[0], shape[1], 3]) * 2.0 - 1.0


def encode_in_graph(values: tf.Tensor, image: DecodedImage) -> tf.Tensor:
    """Encodes values as a PNG file with the channels, the bit depth and the alpha of `image`.

    Args:
      values: float64 [height, width, 3] in [−1, 1]. A gray image takes the mean of the channels.
      image: the blurry image.

    Returns:
      string scalar, the bytes of the file.
    """
    colors = _count_colors(image)
    values = tf.cond(tf.equal(colors, 1), lambda: tf.reduce_mean(values, axis=-1, keepdims=True), lambda: values)
    alpha = tf.cast(image.channels[..., colors:], tf.float64)

    def encode(dtype):
        pixels = tf.concat([(values + 1.0) * (dtype.max / 2), alpha * dtype.max], axis=-1)
        pixels = tf.cast(tf.clip_by_value(tf.round(pixels), 0, dtype.max), tf.int32)
        return tf.io.encode_png(tf.cast(pixels, dtype))

    return tf.cond(image.is_16bit, lambda: encode(tf.uint16), lambda: encode(tf.uint8))


def _count_colors(image):
    return tf.where(tf.shape(image.channels)[-1] < 3, 1, 3)


def _starts_with(content, magic):
    return tf.equal(tf.strings.substr(content, 0, len(magic)), magic)


def _read_shape(content, is_png):
    """Returns height, width and the channels of a JPEG file (int32 [3]) without decoding. Fails on invalid headers."""

    def read_png_size():
        size = tf.io.decode_raw(tf.strings.substr(content, _PNG_SIZE_OFFSET, 8), tf.int32, little_endian=False)[::-1]
        return tf.concat([size, [0]], axis=0)

    return tf.ensure_shape(tf.cond(is_png, read_png_size, lambda: tf.io.extract_jpeg_shape(content)), [3])


def _decode(content, is_png):
    """Returns (channels, is_16bit) of a `DecodedImage`. Fails on damaged images."""
    is_16bit = is_png & tf.equal(tf.strings.substr(content, _PNG_DEPTH_OFFSET, 1), b"\x10")

    # TensorFlow makes one transparent color an alpha channel only for palettes, unless it decodes to four channels.
    color_type = tf.strings.substr(content, _PNG_COLOR_TYPE_OFFSET, 1)
    is_palette = tf.equal(color_type, b"\3")
    has_color_key = tf.cond(is_png & ~is_palette, lambda: _has_chunk(content, b"tRNS"), lambda: tf.constant(False))

    def decode_any_png(dtype):
        def decode_color_key():
            channels = tf.io.decode_png(content, channels=4, dtype=dtype)
            return tf.cond(tf.equal(color_type, b"\0"), lambda: channels[..., 2:], lambda: channels)

        return tf.cond(has_color_key, decode_color_key, lambda: tf.io.decode_png(content, dtype=dtype))

    def decode_16bit_png():
        return _to_unit_range(decode_any_png(tf.uint16))

    def decode_png():
        return _to_unit_range(decode_any_png(tf.uint8))

    def decode_jpeg():
        # Other decoders use the accurate transform; TensorFlow's default is faster and differs by a few levels.
        return _to_unit_range(tf.io.decode_jpeg(content, dct_method="INTEGER_ACCURATE"))

    return tf.case([(is_16bit, decode_16bit_png), (is_png, decode_png)], default=decode_jpeg), is_16bit


def _has_chunk(content, kind):
    """Returns whether a PNG file (string scalar) has a chunk of this type before its pixels.

    The chunk acTL states an animation, and tRNS, for images without a palette, one transparent color or gray value.
    """

    def read_type(at):
        return tf.strings.substr(content, at + 4, 4)

    def next_chunk(at):
        length = tf.io.decode_raw(tf.strings.substr(content, at, 4), tf.int32, little_endian=False)[0]
        return at + 12 + tf.maximum(length, 0)

    def is_before(at):
        return tf.reduce_all([tf.not_equal(read_type(at), each) for each in (kind, b"IDAT", b"IEND", b"")])

    at = tf.while_loop(is_before, lambda at: (next_chunk(at),), (tf.constant(len(_PNG)),))[0]
    return tf.equal(read_type(at), kind)


def _to_unit_range(pixels):
    """Returns float32 in [0, 1]. Divides in float64: the graph may turn the division into a product."""
    return tf.cast(tf.cast(pixels, tf.float64) / pixels.dtype.max, tf.float32)


def _call_if(condition, function, content, otherwise):
    """Returns function(content) if `condition` (bool scalar) holds and no operation fails, else `otherwise`.

    One damaged image must not fail its batch. tf.data is the only part of TensorFlow that continues after an error in a
    graph.
    """

    def call():
        dataset = tf.data.Dataset.from_tensors(content).map(function).ignore_errors()
        return dataset.reduce(otherwise, lambda _, result: result)

    return tf.cond(condition, call, lambda: otherwise)
