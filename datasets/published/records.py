"""Byte positions of images in files of TFDS records, found without reading the images.

A record is a length, its checksum, a serialized tf.train.Example and its checksum. An Example consists of nested messages of
protocol buffers whose fields all start with their length, so a reader can skip megabytes of image data to the next field.

That takes about twenty short reads per pair: little on a disk, hours in remote storage. The positions are therefore also stored
in an index file next to the records.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from icdpm.errors import IcdpmError
from icdpm.storage import RemotePath

Span = tuple[int, int]  # first byte and the one after the last, in the file
INDEX = "record_index.json"

_LENGTH = struct.Struct("<QI")
_CHECKSUM_BYTES = 4
_PNG_HEADER = struct.Struct(">8s8xII")  # signature, then width and height in the first chunk
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LONGEST_FIELD_HEAD = 11  # bytes: a tag below 16, and a length of at most ten
_BYTES_FIELD = 2  # the wire type of strings, bytes and messages


class RecordedPair(NamedTuple):
    """Position of a pair in a file of records.

    Attributes:
      path: the file.
      name: published name of the pair.
      size: (height, width) in pixels.
      record: span of the record, with its length and checksums.
      blurry, sharp: spans of the encoded images.
    """

    path: Path | RemotePath
    name: str
    size: tuple[int, int]
    record: Span
    blurry: Span
    sharp: Span


def read_span(path: Path | RemotePath, span: Span) -> bytes:
    """Returns the bytes of a span. Raises OSError if the file cannot be read."""
    if isinstance(path, RemotePath):
        return path.read_bytes(*span)
    with open(path, "rb", buffering=0) as file:
        return os.pread(file.fileno(), span[1] - span[0], span[0])


def index_records(path: Path) -> list[RecordedPair]:
    """Locates the pairs in a file of records and returns them in order.

    Raises:
      IcdpmError: the file cannot be read or is truncated.
    """
    pairs = []
    try:
        with open(path, "rb", buffering=0) as file:
            fd, start, end = file.fileno(), 0, os.fstat(file.fileno()).st_size
            while start < end:
                length, _ = _LENGTH.unpack(os.pread(fd, _LENGTH.size, start))
                start += _LENGTH.size
                if start + length + _CHECKSUM_BYTES > end:
                    raise ValueError("it ends within a record")
                pairs.append(_locate(path, lambda first, size: os.pread(fd, size, first), (start, start + length)))
                start += length + _CHECKSUM_BYTES
    except OSError as error:
        raise IcdpmError(f"{path} cannot be read: {error.strerror}.") from error
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise IcdpmError(f"{path} is damaged ({error}). Remove its folder and run icdpm-prepare again.") from error
    return pairs


def locate_pair(path: Path, example: bytes, start: int) -> RecordedPair:
    """Locates the pair of a serialized Example whose record starts at byte `start` of a file."""
    first = start + _LENGTH.size
    return _locate(path, lambda begin, size: example[begin - first : begin - first + size], (first, first + len(example)))


def index_text(pairs: Sequence[RecordedPair]) -> str:
    """Returns the content of the index file of pairs, in order."""
    files: dict[str, list] = {pair.path.name: [] for pair in pairs}
    for pair in pairs:
        files[pair.path.name].append(pair[1:])
    return json.dumps(files)


def read_index(folder: RemotePath, files: Sequence[str]) -> list[RecordedPair]:
    """Locates the pairs in some files of records by the folder's index.

    Args:
      folder: folder of the records.
      files: names of the files.

    Raises:
      IcdpmError: the index is missing, damaged or cannot be read.
    """
    try:
        index: Mapping = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return [RecordedPair(folder / file, name, *map(tuple, spans)) for file in files for name, *spans in index[file]]
    except OSError as error:
        raise IcdpmError(f"{folder / INDEX} cannot be read ({error.strerror}). Run icdpm-prepare again.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise IcdpmError(
            f"{folder / INDEX} is not an index of these records. Remove {folder} and run icdpm-prepare again."
        ) from error


def _locate(path: Path, read: Callable[[int, int], bytes], example: Span) -> RecordedPair:
    """Locates the pair of an Example at a span of a file, of which `read(start, size)` returns bytes."""
    features: dict[str, Span] = {}
    for entry in _fields(read, _only(read, example)):  # Example.features
        key, value = _fields(read, entry)
        features[read(key[0], key[1] - key[0]).decode()] = _only(read, _only(read, value))  # BytesList.value
    name = read(features["name"][0], features["name"][1] - features["name"][0]).decode()
    signature, width, height = _PNG_HEADER.unpack(read(features["sharp"][0], _PNG_HEADER.size))
    if signature != _PNG_SIGNATURE:
        raise ValueError(f"the sharp image of {name} is not a PNG file")
    record = example[0] - _LENGTH.size, example[1] + _CHECKSUM_BYTES
    return RecordedPair(path, name, (height, width), record, features["blurry"], features["sharp"])


def _only(read: Callable[[int, int], bytes], message: Span) -> Span:
    """Returns the only field of a message."""
    (field,) = _fields(read, message)
    return field


def _fields(read: Callable[[int, int], bytes], message: Span) -> Iterator[Span]:
    """Yields the contents of each field of a protocol-buffer message with strings, bytes and messages only."""
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
