"""TIFF files: reading those of 16 bits a channel, writing all."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import math
import operator
import zlib

# Pillow keeps only 8 of the 16 bits of colour PNG files. imagecodecs wraps libpng (and libtiff, for 16-bit TIFF files),
# is released several times a year with wheels for every platform, and depends on numpy alone.
import imagecodecs
import numpy as np
import PIL.PngImagePlugin
import tifffile
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, PLANARCONFIG

from icdpm.errors import IcdpmError
from icdpm.images.exif import HEADER, read_exif, to_write

# What is odd in a file it tells its log; what is wrong beyond use raises.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_UNDEFINED = 7
# Those whose decoders stop at the size that the file states. Others hold pictures with a size of their own.
_COMPRESSIONS = (
    COMPRESSION.NONE,
    COMPRESSION.LZW,
    COMPRESSION.ADOBE_DEFLATE,
    COMPRESSION.DEFLATE,
    COMPRESSION.PACKBITS,
    COMPRESSION.LZMA,
    COMPRESSION.ZSTD,
)
_ROWS_AT_ONCE = 64


@dataclasses.dataclass(frozen=True)
class TiffLayout:
    """What the first picture of a TIFF file says of itself.

    Attributes:
      width, height: in pixels.
      bits: of a channel, the deepest where they differ.
      decoded_bytes: what all channels take, and what is beyond the edges in tiles.
    """

    width: int
    height: int
    bits: int
    decoded_bytes: int


def is_tiff(content):
    """Whether the bytes of a file are a TIFF file's."""
    return content[:4] in _MAGIC


def read_tiff_layout(content):
    """The TiffLayout of a TIFF file's bytes. Raises exceptions of many kinds where they are damaged."""
    with _first_page(content) as page:
        bits = max(page.bitspersample) if isinstance(page.bitspersample, tuple) else page.bitspersample
        # Where damage has made several numbers of one, this raises.
        sides = [operator.index(side) for side in (page.imagewidth, page.imagelength, page.imagedepth)]
        channels = operator.index(page.samplesperpixel)
        if min(*sides, bits, channels) < 1:
            raise ValueError("it has no pixels")
        samples = channels * math.prod(sides)
        if page.is_tiled:
            tile = [operator.index(side) for side in (page.tilewidth, page.tilelength, page.tiledepth)]
            samples = channels * math.prod(-(-side // of_tile) * of_tile for side, of_tile in zip(sides, tile))
        return TiffLayout(sides[0], sides[1], bits, samples * -(-bits // 8))


def decode_tiff16(content, name):
    """The bytes of a TIFF file of 16 bits a channel as an array.

    Pillow keeps only 8 of the 16 bits of colour, and does not know gray with alpha.

    Args:
      content: the bytes; what they say of their size is taken at their word.
      name: of the file, for messages.

    Returns:
      (uint16 [height, width, channels], the ICC profile or b""); channels: gray, gray + alpha, RGB or RGB + alpha.

    Raises:
      IcdpmError: it has several pages, other colours or another compression.
      Exception: of many kinds, where it is damaged.
    """
    with _first_page(content) as page:
        if len(page.parent.pages) > 1:
            raise IcdpmError(f"{name} has several pages; extract the one to restore first")
        if page.photometric not in (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB) or page.imagedepth > 1:
            raise IcdpmError(f"{name} is not a gray or RGB picture; convert it to one first")
        if page.dtype != np.uint16:
            kind = page.dtype or f"channels of {page.bitspersample} bits"
            raise IcdpmError(f"{name} is a picture of {kind}, not of whole numbers of 16 bits; convert it first")
        if page.compression not in _COMPRESSIONS:
            raise IcdpmError(f"{name} is compressed in a way that is not read here; save it with LZW or deflate first")
        if page.planarconfig not in (PLANARCONFIG.CONTIG, PLANARCONFIG.SEPARATE):
            raise ValueError("how its channels lie is not known")
        blocks = list(zip(page.dataoffsets, page.databytecounts))
        if len(blocks) < math.prod(page.chunked) or any(not size or at + size > len(content) for at, size in blocks):
            raise EOFError("some of its pixels are missing")  # tifffile would make some up
        channels = page.asarray()
        if page.axes == "SYX":
            channels = np.moveaxis(channels, 0, -1)
        extra = page.extrasamples[0] if page.extrasamples else None
        profile = bytes(page.tags.valueof(Base.InterColorProfile, b""))
        return _channels(np.atleast_3d(channels), page.photometric, extra), profile


def _channels(channels, photometric, extra):
    """Gray, gray + alpha, RGB or RGB + alpha of all channels [height, width, channels] of a file.

    Args:
      channels: uint16; they may be changed.
      photometric: what the colours mean.
      extra: what the first channel behind them means, or None.
    """
    colors = 3 if photometric == PHOTOMETRIC.RGB else 1
    has_alpha = extra in (EXTRASAMPLE.UNASSALPHA, EXTRASAMPLE.ASSOCALPHA)
    color, alpha = channels[..., :colors], channels[..., colors : colors + 1]
    if extra == EXTRASAMPLE.ASSOCALPHA:
        for top in range(0, len(color), _ROWS_AT_ONCE):  # floats of a whole picture would take four times its memory
            rows = slice(top, top + _ROWS_AT_ONCE)
            color[rows] = np.minimum(color[rows] * 65535.0 / np.maximum(alpha[rows], 1), 65535).round()
    if photometric == PHOTOMETRIC.MINISWHITE:
        np.subtract(65535, color, out=color)
    return channels[..., : colors + has_alpha]


@contextlib.contextmanager
def _first_page(content):
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        yield file.pages[0]


def encode_tiff(channels, exif, icc_profile):
    """uint8 or uint16 [height, width, channels] as the bytes of an uncompressed TIFF file.

    Pillow writes 8 bits a channel only.

    Args:
      channels: gray, gray + alpha, RGB or RGB + alpha.
      exif, icc_profile: of `Image`; may be empty.
    """
    height, width, count = channels.shape
    pixels = channels.astype(channels.dtype.newbyteorder("<")).tobytes()
    directory = ImageFileDirectory_v2()
    if exif:
        described = read_exif(exif)
        for tag in described:
            directory[tag] = to_write(described[tag])
        for tag in (IFD.Exif, IFD.GPSInfo):
            if tag in described:
                directory[tag] = described.get_ifd(tag)
    if icc_profile:
        directory.tagtype[Base.InterColorProfile] = _UNDEFINED
        directory[Base.InterColorProfile] = icc_profile
    directory[Base.ImageWidth] = width
    directory[Base.ImageLength] = height
    directory[Base.BitsPerSample] = (8 * channels.itemsize,) * count
    directory[Base.Compression] = 1
    directory[Base.PhotometricInterpretation] = PHOTOMETRIC.RGB if count > 2 else PHOTOMETRIC.MINISBLACK
    directory[Base.SamplesPerPixel] = count
    directory[Base.RowsPerStrip] = height
    directory[Base.StripOffsets] = 0  # counted by Pillow from the end of the directory
    directory[Base.StripByteCounts] = len(pixels)
    directory[Base.PlanarConfiguration] = 1
    if count in (2, 4):
        directory[Base.ExtraSamples] = EXTRASAMPLE.UNASSALPHA
    file = io.BytesIO()
    directory.save(file)
    file.write(pixels)
    return file.getvalue()


_BIT_DEPTH_AT = 24
_HEADER_CHUNK_END = 33


def is_png16(content):
    """Whether the bytes of a PNG file hold 16 bits a channel."""
    return content[_BIT_DEPTH_AT] == 16


def decode_png16(content):
    """The bytes of such a file as uint16 [height, width, channels]; channels: gray, gray + alpha, RGB or RGB + alpha.

    Raises RuntimeError where it is damaged.
    """
    return np.atleast_3d(imagecodecs.png_decode(content))


def encode_png16(channels, exif, icc_profile):
    """uint16 [height, width, channels] as the bytes of a PNG file.

    Args:
      channels: gray, gray + alpha, RGB or RGB + alpha.
      exif, icc_profile: of `Image`; may be empty.
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
