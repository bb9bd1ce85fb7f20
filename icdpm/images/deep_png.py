"""PNG files of 16 bits a channel."""

import io
import zlib

# Pillow keeps only 8 of the 16 bits of colour PNG files. imagecodecs wraps libpng (and libtiff, for 16-bit TIFF files),
# is released several times a year with wheels for every platform, and depends on numpy alone.
import imagecodecs
import numpy as np
import PIL.PngImagePlugin

from icdpm.images.exif import HEADER

_BIT_DEPTH_AT = 24
_HEADER_CHUNK_END = 33


def is_deep_png(content):
    """Whether the bytes of a PNG file hold 16 bits a channel."""
    return content[_BIT_DEPTH_AT] == 16


def decode_deep_png(content):
    """The bytes of such a file as uint16 [height, width, channels]; channels: gray, gray + alpha, RGB or RGB + alpha.

    Raises RuntimeError where it is damaged.
    """
    return np.atleast_3d(imagecodecs.png_decode(content))


def encode_deep_png(channels, exif, icc_profile):
    """uint16 [height, width, channels] as the bytes of a PNG file.

    Args:
      channels: gray, gray + alpha, RGB or RGB + alpha.
      exif, icc_profile: of `Photo`; may be empty.
    """
    if channels.shape[-1] == 1:
        channels = channels[..., 0]
    content = imagecodecs.png_encode(np.ascontiguousarray(channels))
    described = io.BytesIO()
    described.write(content[:_HEADER_CHUNK_END])
    if icc_profile:
        PIL.PngImagePlugin.putchunk(described, b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile))
    if exif:
        PIL.PngImagePlugin.putchunk(described, b"eXIf", exif[len(HEADER) :])
    described.write(content[_HEADER_CHUNK_END:])
    return described.getvalue()
