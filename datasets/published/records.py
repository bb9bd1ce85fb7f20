"""Where in a file of TFDS records each picture lies, without reading the pictures.

A record is a length, its checksum, a serialized tf.train.Example and its checksum. An Example is nested protocol-buffer
messages, all of whose fields carry their length, so a reader can hop over megabytes of picture to the next field.

That takes some twenty short reads a pair: nothing on a disk, hours in a bucket. So the places also stand in an index, a file
beside the records that is written with them.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from icdpm.errors import IcdpmError
from icdpm.storage import RemotePath, is_remote

Span = tuple[int, int]  # first byte and the one after the last, in the file
INDEX = "record_index.json"

_LENGTH = struct.Struct("<QI")
_CHECKSUM_BYTES = 4
_PNG_HEADER = struct.Struct(">8s8xII")  # signature, then width and height in the first chunk
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LONGEST_FIELD_HEAD = 11  # bytes: a tag below 16, and a length of at most ten
_BYTES_FIELD = 2  # the wire type of strings, bytes and messages


class RecordedPair(NamedTuple):
    """A pair in a file of records: its published name, its size in pixels and where its record and its pictures' bytes are."""

    path: Path | RemotePath
    name: str
    size: tuple[int, int]  # height, width
    record: Span  # with its length and checksums
    blurry: Span
    sharp: Span


def read_span(path: Path | RemotePath, span: Span) -> bytes:
    """The bytes of a span. Raises OSError where the file cannot be read."""
    if is_remote(path):
        return path.read_bytes(*span)
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
                pairs.append(_pair(path, lambda first, size: os.pread(fd, size, first), (start, start + length)))
                start += length + _CHECKSUM_BYTES
    except OSError as error:
        raise IcdpmError(f"{path}: cannot be read ({error.strerror})") from error
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise IcdpmError(f"{path}: damaged ({error}); remove its folder and run icdpm-prepare again") from error
    return pairs, digest.hexdigest()


def place_of(path: Path, example: bytes, start: int) -> RecordedPair:
    """The pair of a serialized Example whose record begins at byte `start` of a file."""
    first = start + _LENGTH.size
    return _pair(path, lambda place, size: example[place - first : place - first + size], (first, first + len(example)))


def index_text(pairs: Sequence[RecordedPair]) -> str:
    """The content of the index of all pairs that are in some files of records, in order."""
    files = {pair.path.name: [] for pair in pairs}
    for pair in pairs:
        files[pair.path.name].append(pair[1:])
    return json.dumps(files)


def read_index(folder: RemotePath, files: Sequence[str]) -> list[RecordedPair]:
    """The pairs in some of a folder's files of records, in order, by its index.

    Raises IcdpmError where there is none, or it is not one, or cannot be read.
    """
    try:
        index: Mapping = json.loads((folder / INDEX).read_text())
        return [
            RecordedPair(folder / file, name, *map(tuple, places)) for file in files for name, *places in index[file]
        ]
    except OSError as error:
        raise IcdpmError(f"{folder / INDEX}: cannot be read ({error.strerror}); run icdpm-prepare again") from error
    except (ValueError, KeyError, TypeError) as error:
        told = f"is no index of these records; remove {folder} and run icdpm-prepare again"
        raise IcdpmError(f"{folder / INDEX}: {told}") from error


def _pair(path: Path, read: Callable[[int, int], bytes], example: Span) -> RecordedPair:
    """The pair of an Example at a place in a file, of which `read(start, size)` gives bytes."""
    features = {}
    for entry in _fields(read, _only(read, example)):  # Example.features
        key, value = _fields(read, entry)
        features[read(key[0], key[1] - key[0]).decode()] = _only(read, _only(read, value))  # BytesList.value
    name = read(features["name"][0], features["name"][1] - features["name"][0]).decode()
    signature, width, height = _PNG_HEADER.unpack(read(features["sharp"][0], _PNG_HEADER.size))
    if signature != _PNG_SIGNATURE:
        raise ValueError(f"{name} has no PNG for its sharp picture")
    record = example[0] - _LENGTH.size, example[1] + _CHECKSUM_BYTES
    return RecordedPair(path, name, (height, width), record, features["blurry"], features["sharp"])


def _only(read: Callable[[int, int], bytes], message: Span) -> Span:
    """The one field of a message."""
    (field,) = _fields(read, message)
    return field


def _fields(read: Callable[[int, int], bytes], message: Span) -> Iterator[Span]:
    """The contents of each field of a protocol-buffer message whose fields are all strings, bytes or messages."""
    start, end = message
    while start < end:
        head = read(start, _LONGEST_FIELD_HEAD)
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
