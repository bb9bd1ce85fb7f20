"""Pairs laid out so that a small square of any of them is read at once, with nothing to decode.

A picture is cut into vertical strips 64 pixels wide, and the rows of a strip follow one another: a row of the blurry
picture, then the same row of the sharp one. The part of a strip that a crop covers is then one run of bytes. A crop of
128×128 pixels reads 3 runs of 48 KB, 1.5 times its own size, whereas rows of whole 1280-pixel pictures would make it
read 10 times its own size, or 256 short pieces. (`published/training_cache.py` has what was measured.)

A file holds the strips of its pairs, then a table of contents (JSON), then the table's length and checksum. So a file
that is cut off has no table, and nothing in it needs to be written twice.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically

STRIP = 64  # px
_PIXEL = 6  # bytes: three channels of both pictures
_END = struct.Struct("<II8s")  # length and checksum of the table, then:
_MAGIC = b"strips01"


def laid_out_bytes(size: tuple[int, int]) -> int:
    """How many bytes the strips of a pair of `size` (height, width) take."""
    height, width = size
    return height * -(-width // STRIP) * STRIP * _PIXEL


def write_crop_file(path: Path, fingerprint: str, pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Writes pairs (blurry, sharp), uint8 [H, W, 3], to a file that is there only when it is whole.

    Args:
      path: of the file.
      fingerprint: of what the pairs were made from.
      pairs: in order.

    Raises IcdpmError, naming the file, where the disk is full or the folder cannot be written.
    """
    sizes, checksums = [], []
    with write_atomically(path) as part, open(part, "wb") as file:
        for pair in pairs:
            strips = _to_strips(*pair)
            sizes.append(pair[0].shape[:2])
            checksums.append(zlib.crc32(strips))
            file.write(strips)
        table = json.dumps({"fingerprint": fingerprint, "sizes": sizes, "checksums": checksums}).encode()
        file.write(table + _END.pack(len(table), zlib.crc32(table), _MAGIC))


def _to_strips(blurry: np.ndarray, sharp: np.ndarray) -> np.ndarray:
    """uint8 [strips, H, 2, STRIP, 3] of two pictures [H, W, 3]; the last strip is filled up with zeros."""
    height, width = sharp.shape[:2]
    strips = np.zeros((-(-width // STRIP), height, 2, STRIP, 3), np.uint8)
    for number, strip in enumerate(strips):
        columns = slice(number * STRIP, min((number + 1) * STRIP, width))
        for side, picture in enumerate((blurry, sharp)):
            strip[:, side, : columns.stop - columns.start] = picture[:, columns]
    return strips


class CropFile:
    """Reads what `write_crop_file` wrote.

    Attributes:
      fingerprint: of what the pairs were made from.
      sizes: (height, width) of each pair.
    """

    def __init__(self, path: Path):
        """Reads the table and, as a sample of the contents, checks the last pair.

        Raises ValueError where the file is damaged or cut off, OSError where it cannot be read.
        """
        with open(path, "rb") as file:
            end = file.seek(-_END.size, os.SEEK_END) if path.stat().st_size >= _END.size else 0
            length, checksum, magic = _END.unpack(file.read(_END.size).ljust(_END.size))
            file.seek(max(0, end - length))
            table = file.read(length)
            if magic != _MAGIC or zlib.crc32(table) != checksum:
                raise ValueError("it has no table of contents")
            table = json.loads(table)
            self._path = path
            self.fingerprint = table["fingerprint"]
            self.sizes = [tuple(size) for size in table["sizes"]]
            ends = np.cumsum([laid_out_bytes(size) for size in self.sizes], dtype=np.int64).tolist()
            self._starts = [0, *ends]
            if end - length != self._starts[-1]:
                raise ValueError("its length is not that of its pairs")
            if self.sizes:
                file.seek(self._starts[-2])
                if zlib.crc32(file.read(laid_out_bytes(self.sizes[-1]))) != table["checksums"][-1]:
                    raise ValueError("its last pair has changed")

    def read_crop(self, index: int, top: int, left: int, crop: int) -> np.ndarray:
        """A square of a pair, uint8 [2, crop, crop, 3]: of the blurry and of the sharp picture.

        Raises IcdpmError where the file cannot be read any more.
        """
        height, _ = self.sizes[index]
        pair, run = np.empty((2, crop, crop, 3), np.uint8), np.empty((crop, 2, STRIP, 3), np.uint8)
        try:
            # Opened for every crop, at a few µs: hundreds of files kept open would be too many for some systems.
            with open(self._path, "rb", buffering=0) as file:
                for strip in range(left // STRIP, (left + crop - 1) // STRIP + 1):
                    start = self._starts[index] + (strip * height + top) * STRIP * _PIXEL
                    if os.preadv(file.fileno(), [run], start) != run.nbytes:
                        raise IcdpmError(f"{self._path}: cut off since the training started; start it again")
                    begin, end = max(left, strip * STRIP), min(left + crop, (strip + 1) * STRIP)
                    columns = run[:, :, begin - strip * STRIP : end - strip * STRIP]
                    pair[:, :, begin - left : end - left] = columns.swapaxes(0, 1)
        except OSError as error:
            raise IcdpmError(f"{self._path}: cannot be read ({error.strerror}); start the training again") from error
        return pair
