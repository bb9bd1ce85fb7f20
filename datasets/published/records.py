"""Where in a file of TFDS records each picture lies, without reading the pictures.

A record is a length, its checksum, a serialized tf.train.Example and its checksum. An Example is nested protocol-buffer
messages, all of whose fields carry their length, so a reader can hop over megabytes of picture to the next field.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from icdpm.errors import IcdpmError

Span = tuple[int, int]  # first byte and the one after the last, in the file

_LENGTH = struct.Struct("<QI")
_CHECKSUM_BYTES = 4
_PNG_HEADER = struct.Struct(">8s8xII")  # signature, then width and height in the first chunk
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LONGEST_FIELD_HEAD = 11  # bytes: a tag below 16, and a length of at most ten
_BYTES_FIELD = 2  # the wire type of strings, bytes and messages


class RecordedPair(NamedTuple):
    """A pair in a file of records: its published name, its size in pixels and where its pictures' bytes are."""

    path: Path
    name: str
    size: tuple[int, int]  # height, width
    blurry: Span
    sharp: Span


def read_span(path: Path, span: Span) -> bytes:
    """The bytes of a span. Raises OSError where the file cannot be read."""
    with open(path, "rb", buffering=0) as file:
        return os.pread(file.fileno(), span[1] - span[0], span[0])


def index_records(path: Path) -> tuple[list[RecordedPair], str]:
    """The pairs in a file of records, in order, and a fingerprint of the file's contents.

    The fingerprint is made of the lengths and checksums that the records carry. Raises IcdpmError where the file cannot
    be read or is not whole.
    """
    pairs, digest = [], hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb", buffering=0) as file:
            fd, start, end = file.fileno(), 0, os.fstat(file.fileno()).st_size
            while start < end:
                head = os.pread(fd, _LENGTH.size, start)
                length, _ = _LENGTH.unpack(head)
                start += len(head)
                checksum = os.pread(fd, _CHECKSUM_BYTES, start + length)
                if len(checksum) < _CHECKSUM_BYTES:
                    raise ValueError("it ends within a record")
                digest.update(head + checksum)
                pairs.append(_pair(path, fd, (start, start + length)))
                start += length + _CHECKSUM_BYTES
    except OSError as error:
        raise IcdpmError(f"{path}: cannot be read ({error.strerror})") from error
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise IcdpmError(f"{path}: damaged ({error}); remove its folder and run icdpm-prepare again") from error
    return pairs, digest.hexdigest()


def _pair(path: Path, fd: int, record: Span) -> RecordedPair:
    features = {}
    for entry in _fields(fd, _only(fd, record)):  # Example.features
        key, value = _fields(fd, entry)
        features[os.pread(fd, key[1] - key[0], key[0]).decode()] = _only(fd, _only(fd, value))  # BytesList.value
    name = os.pread(fd, features["name"][1] - features["name"][0], features["name"][0]).decode()
    signature, width, height = _PNG_HEADER.unpack(os.pread(fd, _PNG_HEADER.size, features["sharp"][0]))
    if signature != _PNG_SIGNATURE:
        raise ValueError(f"{name} has no PNG for its sharp picture")
    return RecordedPair(path, name, (height, width), features["blurry"], features["sharp"])


def _only(fd: int, message: Span) -> Span:
    """The one field of a message."""
    (field,) = _fields(fd, message)
    return field


def _fields(fd: int, message: Span) -> Iterator[Span]:
    """The contents of each field of a protocol-buffer message whose fields are all strings, bytes or messages."""
    start, end = message
    while start < end:
        head = os.pread(fd, _LONGEST_FIELD_HEAD, start)
        if head[0] & 7 != _BYTES_FIELD:
            raise ValueError("a record is not a pair")
        length, used = 0, 1
        while True:
            byte = head[used]
            length |= (byte & 127) << 7 * (used - 1)
            used += 1
            if byte < 128:
                break
        start += used
        if start + length > end:
            raise ValueError("a field leaves its record")
        yield start, start + length
        start += length
