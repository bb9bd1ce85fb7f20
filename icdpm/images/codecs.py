"""PNG and TIFF files that Pillow cannot read or write, mainly those of 16 bits per channel, or writes more slowly."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import math
import operator
import zlib
from fractions import Fraction
from typing import BinaryIO

# imagecodecs wraps libpng and libtiff, has wheels for every platform and depends only on NumPy.
import imagecodecs
import numpy as np
import tifffile
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import COMPRESSION_INFO, IFDRational, ImageFileDirectory_v2
from tifffile import COMPRESSION, EXTRASAMPLE, FILETYPE, PHOTOMETRIC, PLANARCONFIG

from icdpm.errors import IcdpmError
from icdpm.images.exif import HEADER, encode_text, orientation_of, read_exif, read_subdirectories
from icdpm.images.metadata import CENTIMETER, INCH, NO_METADATA, TIFF_IPTC, TIFF_XMP, Metadata
from icdpm.images.png_chunks import decodable_png, insert_chunks

# Both log irregularities, imagecodecs for example that a PNG file is interlaced; errors are raised as exceptions.
for _library in ("tifffile", "imagecodecs"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)

_PNG_COMPRESSION = 4  # zlib's level; the default, 6, takes three times as long for photos, for files that are 4 % smaller
# Paeth's filter for all rows; the search for the best filter of a row takes a quarter longer, for files that are 1 % smaller.
_PNG_FILTER = imagecodecs.PNG.FILTER.PAETH
_PNG_BIT_DEPTH_OFFSET = 24
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TIFF_BYTE, _TIFF_UNDEFINED = 1, 7
# Decoders that stop at the size that the TIFF file states. Others decode images with a size of their own.
_TIFF_COMPRESSIONS = (
    COMPRESSION.NONE,
    COMPRESSION.LZW,
    COMPRESSION.ADOBE_DEFLATE,
    COMPRESSION.DEFLATE,
    COMPRESSION.PACKBITS,
    COMPRESSION.LZMA,
    COMPRESSION.ZSTD,
)
# Pillow reads files of 8 bits and of WebP only with a libtiff that its packages do not have.
_PILLOW_COMPRESSIONS = set(COMPRESSION_INFO) - {COMPRESSION.WEBP}
_BIG_ENDIAN_BIG_TIFF = b"MM\0+"
_CR2_MAGIC = b"CR"  # of Canon's raw photos, behind the header of TIFF
_ROWS_AT_ONCE = 64


def is_png16(content: bytes) -> bool:
    """Returns whether the bytes of a PNG file hold 16 bits per channel."""
    return content[_PNG_BIT_DEPTH_OFFSET] == 16


def decode_png16(content: bytes) -> np.ndarray:
    """Decodes a PNG file of 16 bits per channel; Pillow would keep only 8.

    Args:
      content: bytes of the file.

    Returns:
      uint16 [height, width, channels]; the channels are gray, gray + alpha, RGB or RGB + alpha.

    Raises:
      RuntimeError: the file is damaged.
    """
    return np.atleast_3d(imagecodecs.png_decode(decodable_png(content)))


def encode_png(channels: np.ndarray, exif: bytes, icc_profile: bytes) -> bytes:
    """Encodes a PNG file. For 8 bits per channel this takes half of Pillow's time.

    Args:
      channels: uint8 or uint16 [height, width, channels]; the channels are gray, gray + alpha, RGB or RGB + alpha.
      exif: EXIF block as in `Image`; may be empty.
      icc_profile: ICC profile of the pixels; may be empty.

    Returns:
      Bytes of the file.
    """
    if channels.shape[-1] == 1:
        channels = channels[..., 0]
    content = imagecodecs.png_encode(np.ascontiguousarray(channels), level=_PNG_COMPRESSION, filter=_PNG_FILTER)
    chunks = []
    if icc_profile:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile)))
    if exif:
        chunks.append((b"eXIf", exif[len(HEADER) :]))
    return insert_chunks(content, chunks)


@dataclasses.dataclass(frozen=True)
class TiffLayout:
    """Properties that the first image of a TIFF file states.

    Attributes:
      width, height: size in pixels.
      bits: bits per channel; the largest number if channels differ.
      decoded_bytes: size of all channels after decoding, with the parts of tiles beyond the edges.
    """

    width: int
    height: int
    bits: int
    decoded_bytes: int


def is_tiff(content: bytes) -> bool:
    """Returns whether the bytes of a file are those of a TIFF file."""
    return content[:4] in _TIFF_MAGIC


def read_tiff_layout(content: bytes | BinaryIO) -> TiffLayout:
    """Returns the TiffLayout of a TIFF file or its bytes. Raises exceptions of many types for damaged files."""
    with _first_page(content) as page:
        bits = max(page.bitspersample) if isinstance(page.bitspersample, tuple) else page.bitspersample
        # operator.index raises an error if damage has turned a number into several.
        sides = [operator.index(side) for side in (page.imagewidth, page.imagelength, page.imagedepth)]
        channels = operator.index(page.samplesperpixel)
        if min(*sides, bits, channels) < 1:
            raise ValueError("it has no pixels")
        samples = channels * math.prod(sides)
        if page.is_tiled:
            tile = [operator.index(side) for side in (page.tilewidth, page.tilelength, page.tiledepth)]
            samples = channels * math.prod(-(-side // of_tile) * of_tile for side, of_tile in zip(sides, tile))
        return TiffLayout(sides[0], sides[1], bits, samples * -(-bits // 8))


def read_tiff_orientation(content: bytes | BinaryIO) -> int:
    """Returns the EXIF orientation of a TIFF file, as `icdpm.images.exif.orientation_of`."""
    with _first_page(content) as page:
        return orientation_of({Base.Orientation: page.tags.valueof(int(Base.Orientation), 1)})


def check_tiff(content: bytes, name: object) -> None:
    """Checks that the first image of a TIFF file is the one that its user sees, and of a kind that can be read.

    Previews and masks behind the first image are ignored, as thumbnails are. Raw photos begin with a preview.

    Args:
      content: bytes of the file.
      name: name of the file for error messages.

    Raises:
      IcdpmError: the file begins with a preview or has several pages, its numbers are signed or floats, or its compression is
        unsupported.
      Exception: the file is damaged; exceptions of many types.
    """
    with _first_page(content) as page:
        others = page.parent.pages[1:]
        if content[8:10] == _CR2_MAGIC or page.subfiletype & FILETYPE.REDUCEDIMAGE and (others or page.subifds):
            raise IcdpmError(f"{name} begins with a preview, as raw photos do; develop it to a TIFF or PNG file first")
        if any(not other.subfiletype & (FILETYPE.REDUCEDIMAGE | FILETYPE.MASK) for other in others):
            raise IcdpmError(f"{name} has several pages; extract the one to restore first")
        bits = page.bitspersample
        if page.dtype is not None and page.dtype.kind not in "bu":
            raise IcdpmError(f"{name} is an image of {page.dtype}, not of unsigned integers; convert it to 8 or 16 bits first")
        if content[:4] == _BIG_ENDIAN_BIG_TIFF and bits != 16:
            raise IcdpmError(f"{name} is a big-endian BigTIFF file, which cannot be read; save it as TIFF or PNG first")
        supported = _TIFF_COMPRESSIONS if bits == 16 else _PILLOW_COMPRESSIONS
        if page.compression not in supported:
            compression = getattr(page.compression, "name", page.compression)
            raise IcdpmError(f"{name} has an unsupported compression ({compression}); save it with LZW or deflate first")


def decode_tiff16(content: bytes, name: object) -> tuple[np.ndarray, bytes]:
    """Decodes a TIFF file of 16 bits per channel.

    Pillow keeps only 8 of the 16 bits of color, and does not read gray with alpha.

    Args:
      content: bytes of the file. The size that it states is trusted.
      name: name of the file for error messages.

    Returns:
      (uint16 [height, width, channels], the ICC profile or b""); the channels are gray, gray + alpha, RGB or RGB + alpha.

    Raises:
      IcdpmError: the file has other colors.
      Exception: the file is damaged; exceptions of many types.
    """
    with _first_page(content) as page:
        if page.photometric not in (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB) or page.imagedepth > 1:
            raise IcdpmError(f"{name} is not a gray or RGB image; convert it to one first")
        if page.dtype != np.uint16:
            raise IcdpmError(f"{name} has channels of {page.bitspersample} bits; convert it to 8 or 16 bits first")
        if page.planarconfig not in (PLANARCONFIG.CONTIG, PLANARCONFIG.SEPARATE):
            raise ValueError("its order of channels is not known")
        blocks = list(zip(page.dataoffsets, page.databytecounts))
        if len(blocks) < math.prod(page.chunked) or any(not size or at + size > len(content) for at, size in blocks):
            raise EOFError("some of its pixels are missing")  # tifffile would fill them
        channels = page.asarray()
        if page.axes == "SYX":
            channels = np.moveaxis(channels, 0, -1)
        extra = page.extrasamples[0] if page.extrasamples else None
        profile = bytes(page.tags.valueof(Base.InterColorProfile, b""))
        return _select_channels(np.atleast_3d(channels), page.photometric, extra), profile


def _select_channels(channels: np.ndarray, photometric: int, extra: int | None) -> np.ndarray:
    """Returns gray, gray + alpha, RGB or RGB + alpha of all channels of a file.

    Args:
      channels: uint16 [height, width, channels]; modified in place.
      photometric: TIFF's interpretation of the colors.
      extra: TIFF's meaning of the first channel after the colors, or None.
    """
    colors = 3 if photometric == PHOTOMETRIC.RGB else 1
    has_alpha = extra in (EXTRASAMPLE.UNASSALPHA, EXTRASAMPLE.ASSOCALPHA)
    color, alpha = channels[..., :colors], channels[..., colors : colors + 1]
    if extra == EXTRASAMPLE.ASSOCALPHA:
        for top in range(0, len(color), _ROWS_AT_ONCE):  # floats of a whole image would take four times its memory
            rows = slice(top, top + _ROWS_AT_ONCE)
            color[rows] = np.minimum(color[rows] * 65535.0 / np.maximum(alpha[rows], 1), 65535).round()
    if photometric == PHOTOMETRIC.MINISWHITE:
        np.subtract(65535, color, out=color)
    return channels[..., : colors + has_alpha]


@contextlib.contextmanager
def _first_page(content):
    with tifffile.TiffFile(io.BytesIO(content) if isinstance(content, bytes) else content) as file:
        yield file.pages[0]


def encode_tiff(channels: np.ndarray, exif: bytes, icc_profile: bytes, metadata: Metadata = NO_METADATA) -> bytes:
    """Encodes an uncompressed TIFF file. Pillow writes only 8 bits per channel.

    Args:
      channels: uint8 or uint16 [height, width, channels]; the channels are gray, gray + alpha, RGB or RGB + alpha.
      exif: EXIF block as in `Image`; may be empty.
      icc_profile: ICC profile of the pixels; may be empty.
      metadata: XMP, IPTC records and print resolution.

    Returns:
      Bytes of the file.
    """
    height, width, count = channels.shape
    pixels = channels.astype(channels.dtype.newbyteorder("<")).tobytes()
    directory = ImageFileDirectory_v2()
    if exif:
        described = read_exif(exif)
        for tag in described:
            directory[tag] = encode_text(described[tag])
        for tag, subdirectory in read_subdirectories(described).items():
            directory[tag] = subdirectory
    if icc_profile:
        directory.tagtype[Base.InterColorProfile] = _TIFF_UNDEFINED
        directory[Base.InterColorProfile] = icc_profile
    _add_metadata(directory, metadata)
    directory[Base.ImageWidth] = width
    directory[Base.ImageLength] = height
    directory[Base.BitsPerSample] = (8 * channels.itemsize,) * count
    directory[Base.Compression] = 1
    directory[Base.PhotometricInterpretation] = PHOTOMETRIC.RGB if count > 2 else PHOTOMETRIC.MINISBLACK
    directory[Base.SamplesPerPixel] = count
    directory[Base.RowsPerStrip] = height
    directory[Base.StripOffsets] = 0  # Pillow counts it from the end of the directory
    directory[Base.StripByteCounts] = len(pixels)
    directory[Base.PlanarConfiguration] = 1
    if count in (2, 4):
        directory[Base.ExtraSamples] = EXTRASAMPLE.UNASSALPHA
    file = io.BytesIO()
    directory.save(file)
    file.write(pixels)
    return file.getvalue()


def _add_metadata(directory, metadata):
    """Adds the part of a `Metadata` that TIFF files store to a directory of Pillow."""
    for tag, kind, block in ((TIFF_XMP, _TIFF_BYTE, metadata.xmp), (TIFF_IPTC, _TIFF_UNDEFINED, metadata.iptc)):
        if block:
            directory.tagtype[tag] = kind
            directory[tag] = block
    if density := metadata.density:
        unit, code = (INCH, 2) if density.unit == INCH else (CENTIMETER, 3) if density.unit else (0, 1)
        scale = unit / density.unit if unit else 1
        for tag, value in ((Base.XResolution, density.x), (Base.YResolution, density.y)):
            directory[tag] = IFDRational(Fraction(value * scale).limit_denominator(10**4))
        directory[Base.ResolutionUnit] = code
