"""The records of a split laid out for training, made once and kept beside them.

Why: decoding is nearly all the cost of a training example read from the records as published. Measured on one core,
with real 1280×720 frames of GoPro and REDS (2.2 MB a pair as PNG) and 128×128 crops, in crop pairs per second:

  decode both PNG files, cut                           27   and a crop needs 1/56 of what was decoded
  strips 1280 px wide (plain rows), read            23500   960 KB read for the 96 KB wanted
  strips 128 px wide, read                          52800   191 KB
  strips 64 px wide, read                           41000   143 KB
  strips 32 px wide, read                           34400   119 KB
  strips 16 px wide, read                           25600   107 KB

These are from the system's file cache. From the disk, at random places, strips of 64 pixels did best: 2900, and plain
rows 1100. The rest of the pipeline takes ten times as long as reading strips, so nothing here is worth making faster.

 - Several crops from each decoded pair, shuffled in memory: 1000 pairs a second on two cores would need 20 of them,
   and an example would not be a function of its number alone, so a resumed run would have to replay what it skips.
 - Tiles of 64×64 under deflate with a left filter: half the size, but 1050 a second, 40 times the cost of strips.
 - Mapped into memory instead of read, the files count as the process's own: 0.95 GiB more for 0.99 GiB of strips.

The price is disk: 5.5 MB a pair of 1280×720, so 12 GB for GoPro's training split, 35 GB for HIDE's, 133 GB for REDS's,
two and a half times the PNG files.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
import json
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import file_lock, write_atomically
from icdpm.progress import progress_bar
from icdpm_datasets.console import warn
from icdpm_datasets.pairs import corner_of
from icdpm_datasets.published.archives import require_room
from icdpm_datasets.published.recorded import RecordedPairs

_FOLDER = "strips"


class CropCache(RecordedPairs):
    """Recorded pairs of which crops are read from strips; a `CropSource`.

    Arguments and attributes are those of `RecordedPairs`. The first use lays out every file of records as a file of
    strips, with a progress bar; interrupted, the next use continues. Strips that are damaged, or made from other
    records than those that are there now, are made again.

    Raises IcdpmError also where the disk has no room for the strips or cannot be written.
    """

    def __init__(self, name: str, split: str, data_dir: str | None = None):
        super().__init__(name, split, data_dir)
        self._firsts = [0, *itertools.accumulate(self.counts.values())]  # the number of each file's first pair
        self._folder = self.folder / _FOLDER
        self._files = [self._usable(path) for path in self.fingerprints]
        if None in self._files:
            with _locked(self._folder):
                self._lay_out()

    def load_crop(self, index: int, crop: int, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `icdpm_datasets.pairs.load_crop`."""
        number = bisect.bisect_right(self._firsts, index) - 1
        top, left = corner_of(bits, self.sizes[index], crop)
        return tuple(self._files[number].read_crop(index - self._firsts[number], top, left, crop))

    def _strips(self, records: Path) -> Path:
        return self._folder / f"{records.name}.strips"

    def _usable(self, records: Path) -> CropFile | None:
        """The strips of a file of records; None where they are missing, damaged, or of other records."""
        path = self._strips(records)
        try:
            strips = CropFile(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, IndexError) as error:
            warn(f"{path}: damaged ({error}); it is made again")
            return None
        return strips if strips.fingerprint == self.fingerprints[records] else None

    def _lay_out(self) -> None:
        """Makes the strips that are missing; another process may have made some while this one waited for the lock."""
        self._files = [self._usable(path) for path in self.fingerprints]
        missing = {path: number for number, path in enumerate(self.fingerprints) if self._files[number] is None}
        for leftover in self._folder.glob(".*.strips"):  # of a killed run: the lock says that nobody is writing here
            leftover.unlink()
        for path in missing:
            self._strips(path).unlink(missing_ok=True)
        pairs = {path: range(*self._firsts[number : number + 2]) for path, number in missing.items()}
        require_room(self._folder, sum(laid_out_bytes(self.sizes[k]) for indices in pairs.values() for k in indices))
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            with progress_bar("laying out pairs for training", sum(map(len, pairs.values())), "pair") as bar:
                for path, number in missing.items():
                    decoded = self._decoded(pool, pairs[path], bar)
                    write_crop_file(self._strips(path), self.fingerprints[path], decoded)
                    self._files[number] = CropFile(self._strips(path))
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt does not wait for the rest

    def _decoded(self, pool: ThreadPoolExecutor, indices: range, bar) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The pairs, decoded on all cores a few at a time, so that memory stays small however long a file is."""
        few = 2 * os.cpu_count()
        for start in range(0, len(indices), few):
            for pair in pool.map(self.load, indices[start : start + few]):
                yield pair
                bar.update()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Waits until no other process lays out pairs in `folder`, which is made, and keeps the next one waiting."""
    with contextlib.ExitStack() as lock:
        try:
            lock.enter_context(
                file_lock(folder / ".lock", lambda: warn(f"{folder}: another process is laying out pairs there; waiting"))
            )
        except OSError as error:
            raise IcdpmError(f"{folder}: cannot be written ({error.strerror}); training reads from it") from error
        yield


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
