"""TIFF files: reading those of 16 bits a channel, writing all."""

import io

import imagecodecs
import numpy as np
import PIL.Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from icdpm.errors import IcdpmError
from icdpm.photos.metadata import read_exif, to_write

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SEPARATE_PLANES = 2
_UNDEFINED = 7
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_PREMULTIPLIED_ALPHA, _ALPHA = 1, 2
# Layered files may have some channels that are not shown. A number beyond this is damage.
_MOST_CHANNELS = 16


def bits_of_tiff(content):
    """Bits a channel that the bytes of a TIFF file hold, or None where they are none."""
    if content[:4] not in _MAGIC:
        return None
    bits = _first_directory(content).get(Base.BitsPerSample, 1)
    return max(bits) if isinstance(bits, tuple) else bits


def decode_deep_tiff(content, name):
    """The bytes of a TIFF file of 16 bits a channel as an array.

    Pillow keeps only 8 of the 16 bits of colour, and does not know gray with alpha. libtiff, which imagecodecs wraps,
    withstands damaged files.

    Args:
      content: the bytes.
      name: of the file, for messages.

    Returns:
      (uint16 [height, width, channels], the ICC profile or b""); channels: gray, gray + alpha, RGB or RGB + alpha.

    Raises:
      IcdpmError: it has several pages or other colours.
      DecompressionBombError: it has more pixels than Pillow would read.
      Exception: of many kinds, where it is damaged.
    """
    directory = _first_directory(content)
    if directory.next:
        raise IcdpmError(f"{name} has several pages; extract the one to restore first")
    if directory[Base.ImageWidth] * directory[Base.ImageLength] > 2 * PIL.Image.MAX_IMAGE_PIXELS:
        raise PIL.Image.DecompressionBombError
    photometric, count = directory[Base.PhotometricInterpretation], directory.get(Base.SamplesPerPixel, 1)
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB) or count > _MOST_CHANNELS:
        raise IcdpmError(f"{name} is not a gray or RGB picture; convert it to one first")
    channels = imagecodecs.tiff_decode(content, index=0)
    if channels.dtype != np.uint16:
        raise IcdpmError(f"{name} is a picture of {channels.dtype}, not of whole numbers; convert it first")
    if channels.ndim == 3 and directory.get(Base.PlanarConfiguration) == _SEPARATE_PLANES:
        channels = np.moveaxis(channels, 0, -1)
    channels = np.atleast_3d(channels)
    colors = 3 if photometric == _RGB else 1
    color, alpha = channels[..., :colors], channels[..., colors : colors + 1]
    extra = directory.get(Base.ExtraSamples, (None,))[0]
    if extra == _PREMULTIPLIED_ALPHA:
        color = np.minimum(color * 65535.0 / np.maximum(alpha, 1), 65535).round().astype(np.uint16)
    if photometric == _WHITE_IS_ZERO:
        color = 65535 - color
    if extra in (_ALPHA, _PREMULTIPLIED_ALPHA):
        color = np.concatenate([color, alpha], axis=-1)
    return color, bytes(directory.get(Base.InterColorProfile, b""))


def _first_directory(content):
    """What the first picture of a TIFF file says of itself."""
    is_big = 43 in content[2:4]
    directory = ImageFileDirectory_v2(content[: 16 if is_big else 8])
    file = io.BytesIO(content)
    file.seek(directory.next)
    directory.load(file)
    return directory


def encode_tiff(channels, exif, icc_profile):
    """uint8 or uint16 [height, width, channels] as the bytes of an uncompressed TIFF file.

    Pillow writes 8 bits a channel only.

    Args:
      channels: gray, gray + alpha, RGB or RGB + alpha.
      exif, icc_profile: of `Photo`; may be empty.
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
    directory[Base.PhotometricInterpretation] = _RGB if count > 2 else _BLACK_IS_ZERO
    directory[Base.SamplesPerPixel] = count
    directory[Base.RowsPerStrip] = height
    directory[Base.StripOffsets] = 0  # counted by Pillow from the end of the directory
    directory[Base.StripByteCounts] = len(pixels)
    directory[Base.PlanarConfiguration] = 1
    if count in (2, 4):
        directory[Base.ExtraSamples] = _ALPHA
    file = io.BytesIO()
    directory.save(file)
    file.write(pixels)
    return file.getvalue()
