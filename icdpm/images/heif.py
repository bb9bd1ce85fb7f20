"""AVIF and HEIC files. Pillow 11.3 and newer read AVIF with 8 bits; HEIC needs the package pillow-heif."""

from __future__ import annotations

import struct
import types
import typing

import imagecodecs
import numpy as np
import PIL.features
import PIL.Image
from PIL.ExifTags import Base

from icdpm.images.exif import read_exif

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
# Color primaries and transfer characteristics (ITU-T H.273) of sRGB and BT.709, and those that are not specified.
_SRGB_PRIMARIES, _SRGB_TRANSFERS = (1, 2), (1, 2, 6, 13)


def detect_format(content: bytes) -> str | None:
    """Returns 'AVIF' or 'HEIF' for the bytes of such a file, else `None`."""
    if content[4:8] != b"ftyp":
        return None
    box = content[8 : min(int.from_bytes(content[:4], "big"), 256)]
    brands = {box[:4], *(box[at : at + 4] for at in range(8, len(box), 4))}
    return "AVIF" if brands & _AVIF_BRANDS else "HEIF" if brands & _HEIC_BRANDS else None


class MissingDecoderError(Exception):
    """A package that reads a file's format is not installed. The message is a clause that follows the file's name."""


def check_readable(file_format: str) -> None:
    """Raises MissingDecoderError if files of the format of `detect_format` cannot be read."""
    if file_format == "AVIF" and not PIL.features.check("avif"):
        raise MissingDecoderError("is an AVIF file, for which Pillow 11.3 or newer is needed: pip install 'pillow>=11.3'")
    if file_format == "HEIF":
        try:
            _pillow_heif()
        except ImportError as error:
            raise MissingDecoderError("is a HEIC file, for which pillow-heif is needed: pip install 'icdpm[heic]'") from error


def avif_bits(content: bytes) -> int:
    """Returns the bits per channel of an AVIF file: 8, 10 or 12."""
    at = content.find(b"av1C")
    flags = content[at + 6] if 0 <= at < len(content) - 6 else 0
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def decode_avif16(content: bytes, bits: int) -> np.ndarray:
    """Decodes an AVIF file of 10 or 12 bits to uint16 [height, width, channels]; Pillow would keep only 8 bits."""
    return _scale_to_16bit(np.atleast_3d(imagecodecs.avif_decode(content)), bits)


def can_decode_avif16() -> bool:
    """Returns whether the installed imagecodecs decodes AVIF."""
    return bool(imagecodecs.AVIF.available)


def open_heic(content: bytes) -> HeicFile:
    """Returns a `HeicFile`, not decoded yet. Raises exceptions of many types for damaged files."""
    return HeicFile(_pillow_heif().open_heif(content, convert_hdr_to_8bit=False, hdr_to_16bit=False))


class HeicFile:
    """A HEIC file.

    Args:
      file: file of pillow_heif.

    Attributes:
      width, height: size in pixels, upright.
      bits: bits per channel.
      channels: number of channels.
      count: number of images in the file; the others than the primary one are ignored.
      icc_profile, xmp: metadata; may be empty.
    """

    def __init__(self, file: typing.Any) -> None:
        self._file = file
        self.width, self.height = file.size
        self.bits = max(8, int(file.info.get("bit_depth", 8)))
        self.channels = len(file.mode.split(";")[0])
        self.count = len(file)
        self.icc_profile = file.info.get("icc_profile") or b""
        self.xmp = file.info.get("xmp") or b""

    def decode(self) -> np.ndarray:
        """Returns uint8 or uint16 [height, width, channels]; libheif applies the orientation."""
        channels = np.atleast_3d(np.asarray(self._file))
        return channels if channels.dtype == np.uint8 else _scale_to_16bit(channels, self.bits)

    def read_exif(self) -> PIL.Image.Exif:
        """Returns the EXIF data, with the orientation already applied. Raises any exception for damaged data."""
        block = self._file.info.get("exif")
        exif = read_exif(block) if block else PIL.Image.Exif()
        exif[Base.Orientation] = 1
        return exif


def color_chunk(content: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Returns the PNG chunk cICP, as ((type, content),), of an AVIF or HEIC file whose colors are not sRGB; else ()."""
    at = content.find(b"colrnclx")
    if not 0 <= at <= len(content) - 14:
        return ()
    primaries, transfer = struct.unpack(">HH", content[at + 8 : at + 12])
    if primaries in _SRGB_PRIMARIES and transfer in _SRGB_TRANSFERS or max(primaries, transfer) > 255:
        return ()
    return ((b"cICP", bytes([primaries, transfer, 0, 1])),)


def _pillow_heif() -> types.ModuleType:
    import pillow_heif  # an extra

    return pillow_heif


def _scale_to_16bit(channels, bits):
    most = 2**bits - 1
    return ((np.minimum(channels, most).astype(np.uint32) * 65535 + most // 2) // most).astype(np.uint16)
