"""Size and decoding time of file formats that records of images could use."""

import io
import time
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import PIL.Image

from icdpm.cli import silence_tensorflow

_TILE = 128  # px
_PAIRS = slice(0, 20, 4)


def measure_formats(folder):
    """Measures formats on pairs of PNG files; runs in a process of its own.

    Args:
      folder: folder of the pairs, in blur/ and sharp/.

    Returns:
      Rows {'format', 'decoder', 'mb_per_image', 'cpu_ms_per_image'}, of which 'decoder' is TensorFlow if its releases for all
      supported Python versions have one.
    """
    silence_tensorflow()
    import tensorflow as tf

    published = [path.read_bytes() for side in ("blur", "sharp") for path in sorted((Path(folder) / side).iterdir())[_PAIRS]]
    images = [np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB")) for data in published]
    inflate = tf.io.decode_compressed
    # (name, decoder, files of each image, function that decodes a file)
    formats = [
        ("PNG as published", "TensorFlow", [[data] for data in published], tf.io.decode_png),
        (f"PNG tiles of {_TILE}×{_TILE}", "TensorFlow", [_png_tiles(image) for image in images], tf.io.decode_png),
        (
            "pixels, deflated by zlib",
            "TensorFlow",
            [[zlib.compress(image.tobytes())] for image in images],
            lambda data: tf.io.decode_raw(inflate(data, "ZLIB"), tf.uint8),
        ),
        ("pixels", "TensorFlow", [[image.tobytes()] for image in images], lambda data: tf.io.decode_raw(data, tf.uint8)),
        (
            "lossless WebP",
            "libwebp (TensorFlow 2.15 has none)",
            [[imagecodecs.webp_encode(image, lossless=True)] for image in images],
            imagecodecs.webp_decode,
        ),
        (
            "QOI",
            "imagecodecs (TensorFlow has none)",
            [[imagecodecs.qoi_encode(image)] for image in images],
            imagecodecs.qoi_decode,
        ),
    ]
    return [_measure(*each) for each in formats]


def _png_tiles(image):
    height, width = image.shape[:2]
    corners = [(top, left) for top in range(0, height, _TILE) for left in range(0, width, _TILE)]
    return [_encode_png(image[top : top + _TILE, left : left + _TILE]) for top, left in corners]


def _encode_png(image):
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "png")
    return file.getvalue()


def _measure(name, decoder, images, decode):
    decode(images[0][0])
    started = time.process_time()
    for files in images:
        for data in files:
            decode(data)
    milliseconds = (time.process_time() - started) * 1e3 / len(images)
    size = sum(len(data) for files in images for data in files) / 1e6 / len(images)
    return {"format": name, "decoder": decoder, "mb_per_image": size, "cpu_ms_per_image": milliseconds}
