"""Properties of an image that its file states, for size limits that apply before anything is decoded.

A file of a few kilobytes can decode to gigabytes of pixels.
"""

from __future__ import annotations

import dataclasses
import io
import math
import struct
from typing import BinaryIO

import PIL.Image

from icdpm.errors import IcdpmError
from icdpm.images.codecs import is_png16, is_tiff, read_tiff_layout
from icdpm.images.heif import avif_bits, check_readable, detect_format, open_heic
from icdpm.images.png_chunks import decodable_png, is_png

# GIF is opened only for a better error message.
_READABLE = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "AVIF", "GIF")
_MAX_PIXELS = 2 * (PIL.Image.MAX_IMAGE_PIXELS or 0)  # Pillow's own limit
# The same number of pixels with three channels of 16 bits.
_MAX_BYTES = 2**30
_TIFF_BITS = (1, 2, 4, 8, 16)  # Pillow reads 12 bits of gray without scaling them to 16, and no other numbers
# Color type: number of channels; a palette's entries may be transparent.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}

_START = 64  # bytes that state the format, and PNG's depth and WebP's size


@dataclasses.dataclass(frozen=True)
class Header:
    """Properties of an image that are known before it is decoded.

    Attributes:
      format: Pillow's name of the file format.
      width, height: size in pixels, before the EXIF orientation is applied.
      bits: bits per channel.
      decoded_bytes: size of all channels in the file after decoding.
    """

    format: str
    width: int
    height: int
    bits: int
    decoded_bytes: int

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    def check_size(self, name: object) -> None:
        """Raises IcdpmError if the image is too large. The message calls the file `name`."""
        if self.pixels > _MAX_PIXELS:
            raise too_many_pixels(name)
        if self.decoded_bytes > _MAX_BYTES:
            raise IcdpmError(
                # Rounded up, never to the limit.
                f"{name} takes {math.ceil(100 * self.decoded_bytes / 2**30) / 100:g} GiB when it is decoded; the limit is "
                f"{_MAX_BYTES / 2**30:g} GiB; make a smaller copy, in gray or RGB"
            )

    def check_depth(self, name: object) -> None:
        """Raises IcdpmError if the image has an unsupported number of bits per channel. The message calls the file `name`."""
        if self.bits > 16 or self.format == "TIFF" and self.bits not in _TIFF_BITS:
            raise IcdpmError(f"{name} has {self.bits} bits per channel; convert it to 8 or 16 first")


def too_many_pixels(name: object) -> IcdpmError:
    """Returns the error for a file `name` with too many pixels."""
    return IcdpmError(f"{name} has more than the limit of {_MAX_PIXELS // 10**6} million pixels; make a smaller copy")


def open_pillow(content: bytes | BinaryIO) -> PIL.Image.Image:
    """Returns the Pillow image of a file or its bytes, not decoded yet; a context manager.

    Raises the errors of `PIL.Image.open`.
    """
    if isinstance(content, bytes):
        content = io.BytesIO(decodable_png(content) if is_png(content) else content)
    return PIL.Image.open(content, formats=_READABLE)


def parse_header(content: bytes | BinaryIO) -> Header:
    """Returns the Header of a file's bytes, or of an open file; reads little more than the header.

    Raises exceptions of many types for damaged files.
    """
    if isinstance(content, bytes):
        start = content[:_START]
    else:
        start = content.read(_START)
        content.seek(0)
        if start[:4] == b"RIFF" and start[8:12] == b"WEBP":  # Pillow would read the whole file
            return _parse_webp_header(start)
        if is_png(start):  # Pillow would read all chunks before the pixels
            return _parse_png_header(start)
    bits = 8
    if kind := detect_format(start):
        check_readable(kind)
        content = content if isinstance(content, bytes) else content.read()
        if kind == "HEIF":
            heic = open_heic(content)
            size = heic.width * heic.height * heic.channels * -(-heic.bits // 8)
            return Header("HEIF", heic.width, heic.height, heic.bits, size)
        bits = avif_bits(content)
    if is_tiff(start):
        layout = read_tiff_layout(content)
        return Header("TIFF", layout.width, layout.height, layout.bits, layout.decoded_bytes)
    with open_pillow(content) as image:
        # A palette's entries may be transparent.
        channels = 4 if image.mode == "P" else len(image.getbands())
        bits = 16 if image.format == "PNG" and is_png16(start) else bits
        file_format = "JPEG" if image.format == "MPO" else str(image.format)  # MPO has more images after the first
        return Header(file_format, *image.size, bits, image.width * image.height * channels * -(-bits // 8))


def _parse_webp_header(start: bytes) -> Header:
    """Returns the Header of a WebP file's first bytes; RFC 9649, sections 2.5 to 2.7 and 3.4."""
    kind, chunk = start[12:16], start[20:]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(chunk[at : at + 3], "little") for at in (4, 7))
        has_alpha = bool(chunk[0] & 0x10)
    elif kind == b"VP8L" and chunk[0] == 0x2F:
        packed = int.from_bytes(chunk[1:5], "little")
        width, height, has_alpha = 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF), bool(packed >> 28 & 1)
    elif kind == b"VP8 " and chunk[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(chunk[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        has_alpha = False
    else:
        raise ValueError("its first chunk is not that of a WebP file")
    return Header("WEBP", width, height, 8, width * height * (4 if has_alpha else 3))


def _parse_png_header(start: bytes) -> Header:
    """Returns the Header of a PNG file's first bytes."""
    kind, width, height, bits, color = struct.unpack(">12x4sIIBB", start[:26])
    if kind != b"IHDR" or not width or not height or color not in _PNG_CHANNELS:
        raise ValueError("its first chunk is not that of a PNG file")
    bits = max(8, bits)
    return Header("PNG", width, height, bits, width * height * _PNG_CHANNELS[color] * bits // 8)
