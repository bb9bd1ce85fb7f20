"""Tests of icdpm.serving.encoded_images: files are decoded as `icdpm.images` decodes them."""

import io
import struct

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from icdpm.images.png_chunks import insert_chunks
from icdpm.images.reading import decode_image
from icdpm.serving.encoded_images import DecodedImage, decode_in_graph, encode_in_graph

PIXELS = np.random.default_rng(0).integers(0, 4, (20, 30, 3), dtype=np.uint8) * 80


@pytest.fixture(scope="module")
def decode():
    decode = tf.function(lambda content: decode_in_graph(content, 10**6), autograph=False)
    return lambda content: decode(tf.constant(content))


def saved(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def png_files():
    """Returns {name: the bytes of a PNG file} of all color types, with and without one transparent color."""
    rgb = PIL.Image.fromarray(PIXELS)
    gray, palette = rgb.convert("L"), rgb.quantize(12)
    deep = PIXELS.astype(np.uint16) * 257
    deep_rgb, deep_gray = imagecodecs.png_encode(deep), imagecodecs.png_encode(np.ascontiguousarray(deep[..., 0]))
    key = [int(value) for value in deep[3, 4]]
    return {
        "RGB": saved(rgb),
        "RGB key": saved(rgb, transparency=tuple(PIXELS[3, 4].tolist())),
        "gray": saved(gray),
        "gray key": saved(gray, transparency=gray.getpixel((4, 3))),
        "1 bit": saved(rgb.convert("1")),
        "1 bit key": saved(rgb.convert("1"), transparency=0),
        "palette": saved(palette),
        "palette key": saved(palette, transparency=3),
        "palette alpha": saved(palette, transparency=bytes(range(12))),
        "2 bits": saved(rgb.quantize(4), bits=2, transparency=1),
        "gray alpha": saved(rgb.convert("LA")),
        "RGB alpha": saved(rgb.convert("RGBA")),
        "RGB key, suggested palette": insert_chunks(
            saved(rgb), [(b"PLTE", bytes(6)), (b"tRNS", struct.pack(">3H", *PIXELS[3, 4].tolist()))]
        ),
        "16 bits RGB": deep_rgb,
        "16 bits RGB key": insert_chunks(deep_rgb, [(b"tRNS", struct.pack(">3H", *key))]),
        "16 bits gray": deep_gray,
        "16 bits gray key": insert_chunks(deep_gray, [(b"tRNS", struct.pack(">H", key[0]))]),
        "text": insert_chunks(saved(rgb), [(b"tEXt", b"tRNS\0tRNS")]),
    }


@pytest.mark.parametrize("name", png_files())
def test_png_of_any_color_type_has_the_same_channels(decode, name):
    content = png_files()[name]
    image, error = decode(content)
    expected = decode_image(content, name)
    channels = np.atleast_3d(expected.pixels)
    if expected.alpha is not None:
        channels = np.dstack([channels, expected.alpha])
    assert ("key" in name or "alpha" in name or name == "2 bits") == (expected.alpha is not None)
    assert error.numpy() == b"" and bool(image.is_16bit) == expected.is_16bit
    assert image.channels.shape == channels.shape
    np.testing.assert_allclose(image.channels, channels / np.iinfo(channels.dtype).max, atol=1e-7)


def test_animations_and_cmyk_are_errors(decode):
    image = PIL.Image.fromarray(PIXELS)
    for frames in ([image, PIL.Image.new("RGB", image.size)], [image.quantize(4), PIL.Image.new("P", image.size)]):
        _, error = decode(saved(frames[0], save_all=True, append_images=frames[1:]))
        assert error.numpy() == b"the image is an animation"
    buffer = io.BytesIO()
    image.convert("CMYK").save(buffer, "JPEG")
    assert decode(buffer.getvalue())[1].numpy() == b"the image has CMYK colors; convert it to RGB first"


def test_one_transparent_color_becomes_alpha_of_the_output(decode):
    image, _ = decode(png_files()["RGB key"])
    content = encode_in_graph(tf.cast(image.channels[..., :3] * 2 - 1, tf.float64), DecodedImage(*image)).numpy()
    restored, given = decode_image(content, "output"), decode_image(png_files()["RGB key"], "input")
    np.testing.assert_array_equal(restored.alpha, given.alpha)
    np.testing.assert_array_equal(restored.pixels, given.pixels)


def test_damaged_chunks_are_an_error(decode):
    content = png_files()["RGB key"]
    wrong_length = content[:33] + b"\xff\xff\xff\xff" + content[37:]
    for damaged in (content[:20], content[:33], content[:60], wrong_length, content[:33] + b"\x7f\xff\xff\xff" + content[37:]):
        assert decode(damaged)[1].numpy() == b"the image is damaged"
