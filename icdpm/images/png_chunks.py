"""Chunks of PNG files that describe an image: text, profile, colors and print resolution.

Pillow and libpng refuse files whose text or profile is longer than a few megabytes, and keep only some of these chunks. This
module takes them out of a file before it is decoded, and puts them into a file that was encoded.
"""

from __future__ import annotations

import dataclasses
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Limit of all texts and of the profile of a file together, after they are decompressed.
MAX_DESCRIPTION_BYTES = 64 * 2**20
# Chunks that state the color space of the pixels; https://www.w3.org/TR/png-3, section 11.3.2.
_COLOR_CHUNKS = (b"cICP", b"mDCV", b"cLLI", b"gAMA", b"cHRM", b"sRGB")
_PIXEL_CHUNKS = (b"IDAT", b"fdAT")
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_RAW_PROFILE = b"Raw profile type "
# A Photoshop image resource: signature, number, name of even length, size, data. This one holds IPTC records.
PHOTOSHOP_IPTC = 0x0404
PHOTOSHOP_IPTC_HEADER = b"8BIM\x04\x04\0\0"
_HEADER_END = 33
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


@dataclasses.dataclass
class PngDescription:
    """The chunks of a PNG file that describe its image.

    Attributes:
      icc_profile, exif, xmp, iptc: Blocks as in `Metadata` and `Image`; may be empty. `exif` is that of a text chunk.
      density: Content of the chunk pHYs; may be empty.
      colors: (type, content) of the chunks that state the color space.
      texts: (type, content) of the other text chunks.
      notices: Clauses about what was left out.
    """

    icc_profile: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    density: bytes = b""
    colors: list[tuple[bytes, bytes]] = dataclasses.field(default_factory=list)
    texts: list[tuple[bytes, bytes]] = dataclasses.field(default_factory=list)
    notices: list[str] = dataclasses.field(default_factory=list)


def is_png(content: bytes) -> bool:
    """Returns whether the bytes of a file are those of a PNG file."""
    return content.startswith(SIGNATURE)


def decodable_png(content: bytes) -> bytes:
    """Returns a PNG file's bytes without what decoders reject although the pixels are intact.

    These are texts and profile, whose lengths decoders limit, and damaged chunks that are not needed for the pixels. The end of
    the file is added if only that is missing.

    Raises:
      ValueError: a chunk that is needed for the pixels is damaged.
    """
    kept, end, last, has_pixels = [SIGNATURE], len(SIGNATURE), b"", False
    is_changed = False
    for kind, start, stop in _iterate_chunks(content):
        end, last = stop, kind
        has_pixels |= kind == b"IDAT"
        is_intact = _is_intact(content, start, stop)
        if not is_intact and not _is_ancillary(kind) and kind != b"IEND":
            raise ValueError(f"wrong checksum of its chunk {_name(kind)}")
        if kind in _TEXT_CHUNKS or kind == b"iCCP" or not is_intact and kind != b"IEND":
            is_changed = True
        else:
            kept.append(content[start:stop])
    if end < len(content) and last != b"IEND":
        kept.append(content[end:])
    elif last != b"IEND" and has_pixels:
        kept.append(_END)
        is_changed = True
    return b"".join(kept) if is_changed else content


def read_head(file: BinaryIO) -> bytes:
    """Returns a PNG file without its pixels, of which only the lengths of their chunks are read.

    Args:
      file: the file, at its start. Without a buffer nothing else is read, however short the chunks are.
    """
    kept = [file.read(len(SIGNATURE))]
    while len(start := file.read(8)) == 8 and start[4:] != b"IEND":
        rest = int.from_bytes(start[:4], "big") + 4
        if start[4:] in _PIXEL_CHUNKS:
            file.seek(rest, os.SEEK_CUR)
        else:
            kept += [start, file.read(rest)]
    return b"".join([*kept, _END])


def read_description(content: bytes) -> PngDescription:
    """Returns the `PngDescription` of a PNG file. Damaged or too long chunks are left out, with a notice."""
    found = PngDescription()
    left = MAX_DESCRIPTION_BYTES
    problems = {}
    for kind, start, stop in _iterate_chunks(content):
        data = content[start + 8 : stop - 4]
        name = "color profile" if kind == b"iCCP" else "text" if kind in _TEXT_CHUNKS else f"chunk {_name(kind)}"
        damage = f"has a damaged {name}, which is left out"
        if _is_ancillary(kind) and not _is_intact(content, start, stop):
            problems[name] = damage
        elif kind in _COLOR_CHUNKS:
            found.colors.append((kind, data))
        elif kind == b"pHYs" and len(data) == 9:
            found.density = data
        elif kind == b"iCCP" or kind in _TEXT_CHUNKS:
            try:
                left -= _add_described(found, kind, data, left)
            except _TooLongError:
                limit = MAX_DESCRIPTION_BYTES // 2**20
                problems[f"long {name}"] = f"has more than {limit} MiB of texts and profile; its {name} is left out"
            except (ValueError, zlib.error):
                problems[name] = damage
    found.notices = list(problems.values())
    return found


class _TooLongError(Exception):
    """Texts and profile together exceed the limit."""


def _add_described(found, kind, data, limit):
    """Adds the profile or text of a chunk to a `PngDescription`. Returns its length in bytes."""
    keyword, _, rest = data.partition(b"\0")
    is_profile = kind == b"iCCP"
    is_raw = keyword.startswith(_RAW_PROFILE)
    if not is_profile and keyword != _XMP_KEYWORD and not is_raw:
        if len(data) > limit:
            raise _TooLongError
        found.texts.append((kind, data))  # unread, so it stays compressed
        return len(data)
    text = _decompress(rest[1:], limit) if kind in (b"iCCP", b"zTXt") else rest
    if kind == b"iTXt":
        is_compressed, (language, translated, text) = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
        del language, translated
        text = _decompress(text, limit) if is_compressed else text
    if len(text) > limit:
        raise _TooLongError
    if is_profile:
        found.icc_profile = text
    elif is_raw:
        _add_raw_profile(found, keyword[len(_RAW_PROFILE) :], text)
    else:
        found.xmp = text
    return len(text)


def _add_raw_profile(found, kind, text):
    """Adds metadata as ImageMagick stores it: a name, a length and hexadecimal digits, each on lines of its own."""
    content = bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
    if kind in (b"exif", b"APP1") and content.startswith(b"Exif\0\0"):
        found.exif = content
    elif kind == b"xmp":
        found.xmp = content
    elif kind in (b"iptc", b"8bim"):
        found.iptc = _iptc_records(content)


def _iptc_records(content):
    """Returns the IPTC records of a raw profile: as they are or, as ExifTool stores them, in Photoshop image resources."""
    if not content.startswith(b"8BIM"):
        return content
    start = 0
    while content[start : start + 4] == b"8BIM":
        length_of_name = 1 + int.from_bytes(content[start + 6 : start + 7], "big")
        data = start + 10 + length_of_name + length_of_name % 2
        size = int.from_bytes(content[data - 4 : data], "big")
        if int.from_bytes(content[start + 4 : start + 6], "big") == PHOTOSHOP_IPTC:
            return content[data : data + size]
        start = data + size + size % 2
    return b""


def _decompress(content, limit):
    decompressor = zlib.decompressobj()
    text = decompressor.decompress(content, limit + 1)
    if len(text) > limit:
        raise _TooLongError
    if not decompressor.eof:
        raise ValueError("incomplete")
    return text


def encode_text_chunk(keyword: bytes, text: bytes) -> tuple[bytes, bytes]:
    """Returns (type, content) of a chunk with a text: UTF-8 if it is valid, else Latin-1."""
    text = text.replace(b"\0", b"")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return b"tEXt", keyword + b"\0" + text
    return b"iTXt", keyword + b"\0\0\0\0\0" + text


def encode_xmp_chunk(xmp: bytes) -> tuple[bytes, bytes]:
    """Returns (type, content) of the chunk with an XMP packet."""
    return b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + xmp


def encode_iptc_chunk(iptc: bytes) -> tuple[bytes, bytes]:
    """Returns (type, content) of the chunk with IPTC records, as ExifTool and ImageMagick store them."""
    resource = PHOTOSHOP_IPTC_HEADER + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)
    text = f"\niptc\n{len(resource):8}\n{resource.hex()}\n".encode("ascii")
    return b"zTXt", _RAW_PROFILE + b"iptc\0\0" + zlib.compress(text)


def insert_chunks(content: bytes, chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns a PNG file's bytes with chunks (type, content) after its header."""
    encoded = [struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks]
    return b"".join([content[:_HEADER_END], *encoded, content[_HEADER_END:]]) if encoded else content


def _is_ancillary(kind: bytes) -> bool:
    """Returns whether a decoder may ignore chunks of a type (bit 5 of its first letter)."""
    return bool(kind[0] & 0x20)


def _is_intact(content: bytes, start: int, stop: int) -> bool:
    """Returns whether the checksum of the chunk at content[start:stop] is right."""
    return zlib.crc32(memoryview(content)[start + 4 : stop - 4]) == int.from_bytes(content[stop - 4 : stop], "big")


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")


def _iterate_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields (type, start, stop) of each complete chunk, with its length and checksum, up to the end of the image."""
    start = len(SIGNATURE)
    while start + 12 <= len(content):
        stop = start + 12 + int.from_bytes(content[start : start + 4], "big")
        if stop > len(content):
            return
        kind = content[start + 4 : start + 8]
        yield kind, start, stop
        if kind == b"IEND":
            return
        start = stop
