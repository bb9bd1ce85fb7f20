"""Cache of recorded training pairs from which crops are read directly, without decoding.

Decoding is nearly the whole cost of a training example that is read from records as published. Measured on one core, with real
1280×720 frames of GoPro and REDS (2.2 MB per pair as PNG) and 128×128 crops, in crop pairs per second:

  decode both PNG files, cut                           27   a crop needs 1/56 of what is decoded
  strips 1280 px wide (plain rows), read            23500   960 KB read for the 96 KB needed
  strips 128 px wide, read                          52800   191 KB
  strips 64 px wide, read                           41000   143 KB
  strips 32 px wide, read                           34400   119 KB
  strips 16 px wide, read                           25600   107 KB

These numbers are from the system's file cache. From the disk, at random positions, strips of 64 pixels were fastest (2900;
plain rows 1100). The rest of the pipeline takes ten times as long as reading strips.

Alternatives:
 - Several crops from each decoded pair, shuffled in memory: 1000 pairs per second on two cores would need 20 crops per pair,
   and an example would not be a function of its number alone, so a resumed run would have to replay what it skips.
 - Tiles of 64×64 with deflate and a left filter: half the size, but 1050 per second, 40 times the cost of strips.
 - Memory-mapped files count as memory of the process: 0.95 GiB more for 0.99 GiB of strips.

The cache needs 5.5 MB per pair of 1280×720, that is 12 GB for GoPro's training split, 35 GB for HIDE's and 133 GB for REDS',
2.5 times the PNG files.

Format: an image is cut into vertical strips 64 pixels wide, whose rows follow each other: a row of the blurry image, then the
same row of the sharp one. The part of a strip that a crop covers is thus contiguous. A crop of 128×128 pixels reads 3 runs of
48 KB, 1.5 times its own size; rows of whole 1280-pixel images would make it read 10 times its own size, or 256 short pieces. A
file contains the strips of its pairs, a table of contents (JSON), and the table's length and checksum. A truncated file
therefore has no table, and nothing in it is written twice.
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
import tqdm

from icdpm.errors import IcdpmError
from icdpm.files import file_lock, write_atomically
from icdpm.progress import print_warning, progress_bar
from icdpm_datasets.embedded import cache_folder
from icdpm_datasets.pairs import crop_corner
from icdpm_datasets.published.archives import require_disk_space
from icdpm_datasets.published.recorded import RecordedPairs

_FOLDER = "strips"


class CropCache(RecordedPairs):
    """Recorded pairs whose crops are read from strips; a `CropSource`.

    Arguments and attributes are those of `RecordedPairs`. The first training run converts every file of records to an
    uncompressed crop cache, with a progress bar, in the folder of the records or, if that is read-only, in `cache_folder`.
    After an interruption, the next use continues. Strips that are damaged or were made from other records are made again.

    Raises:
      IcdpmError: see `RecordedPairs`; or the disk is full or cannot be written.
    """

    def __init__(self, name: str, split: str, data_dir: str | os.PathLike | None = None) -> None:
        super().__init__(name, split, data_dir)
        self._starts = [0, *itertools.accumulate(self.counts.values())]  # number of each file's first pair
        self._folder = self.folder / _FOLDER
        self._files = [self._open_strips(path) for path in self.fingerprints]
        if None in self._files and not os.access(self.folder, os.W_OK):
            checksum = zlib.crc32(" ".join(self.fingerprints.values()).encode())
            self._folder = cache_folder() / _FOLDER / f"{'-'.join(self.folder.parts[-3:])}-{checksum:08x}"
            self._files = [self._open_strips(path) for path in self.fingerprints]
        if None in self._files:
            with _locked(self._folder):
                self._lay_out()

    def load_crop(self, index: int, crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns a training crop; see `icdpm_datasets.pairs.load_crop`."""
        number = bisect.bisect_right(self._starts, index) - 1
        top, left = crop_corner(random_ints, self.sizes[index], crop)
        blurry, sharp = self._file(number).read_crop(index - self._starts[number], top, left, crop)
        return blurry, sharp

    def _file(self, number: int) -> CropFile:
        file = self._files[number]
        assert file is not None, "every file is open after __init__"
        return file

    def _strips_path(self, records: Path) -> Path:
        return self._folder / f"{records.name}.strips"

    def _open_strips(self, records: Path) -> CropFile | None:
        """Returns the strips of a file of records; None if they are missing, damaged, or of other records."""
        path = self._strips_path(records)
        try:
            strips = CropFile(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, IndexError) as error:
            print_warning(f"{path} is damaged ({error}). It is made again.")
            return None
        return strips if strips.fingerprint == self.fingerprints[records] else None

    def _lay_out(self) -> None:
        """Makes missing strips, of which another process may have made some while this one waited for the lock."""
        self._files = [self._open_strips(path) for path in self.fingerprints]
        missing = {path: number for number, path in enumerate(self.fingerprints) if self._files[number] is None}
        for leftover in self._folder.glob(".*.strips"):  # of a killed run, since no other process holds the lock
            leftover.unlink()
        for path in missing:
            self._strips_path(path).unlink(missing_ok=True)
        pairs = {path: range(*self._starts[number : number + 2]) for path, number in missing.items()}
        require_disk_space(self._folder, sum(laid_out_bytes(self.sizes[k]) for indices in pairs.values() for k in indices))
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            with progress_bar("laying out pairs for training", sum(map(len, pairs.values())), "pair") as bar:
                for path, number in missing.items():
                    decoded = self._decoded(pool, pairs[path], bar)
                    write_crop_file(self._strips_path(path), self.fingerprints[path], decoded)
                    self._files[number] = CropFile(self._strips_path(path))
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt does not wait for the rest

    def _decoded(self, pool: ThreadPoolExecutor, indices: range, bar: tqdm.tqdm) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields decoded pairs, a few at a time on all cores, so that the memory does not grow with the file."""
        few = 2 * (os.cpu_count() or 1)
        for start in range(0, len(indices), few):
            for pair in pool.map(self.load, indices[start : start + few]):
                yield pair
                bar.update()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock for laying out pairs in `folder`, which is created. Waits for other processes."""
    with contextlib.ExitStack() as lock:
        try:
            lock.enter_context(
                file_lock(folder / ".lock", lambda: print_warning(f"{folder}: waiting for another process"))
            )
        except OSError as error:
            raise IcdpmError(f"{folder} cannot be written ({error.strerror}). Training reads crops from it.") from error
        yield


STRIP = 64  # px
_PIXEL = 6  # bytes: three channels of both images
_END = struct.Struct("<II8s")  # length and checksum of the table, then:
_MAGIC = b"strips01"


def laid_out_bytes(size: tuple[int, int]) -> int:
    """Returns the bytes of the strips of a pair of `size` (height, width)."""
    height, width = size
    return height * -(-width // STRIP) * STRIP * _PIXEL


def write_crop_file(path: Path, fingerprint: str, pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Writes pairs to a file, which appears when it is complete.

    Args:
      path: path of the file.
      fingerprint: fingerprint of the pairs' source.
      pairs: (blurry, sharp), uint8 [H, W, 3], in order.

    Raises:
      IcdpmError: the disk is full, or the folder cannot be written.
    """
    sizes, checksums = [], []
    with write_atomically(path) as part, open(part, "wb") as file:
        for pair in pairs:
            strips = _to_strips(*pair)
            sizes.append(pair[0].shape[:2])
            checksums.append(zlib.crc32(strips.data))
            file.write(strips.data)
        table = json.dumps({"fingerprint": fingerprint, "sizes": sizes, "checksums": checksums}).encode()
        file.write(table + _END.pack(len(table), zlib.crc32(table), _MAGIC))


def _to_strips(blurry: np.ndarray, sharp: np.ndarray) -> np.ndarray:
    """Converts two images [H, W, 3] to uint8 [strips, H, 2, STRIP, 3]; the last strip is padded with zeros."""
    height, width = sharp.shape[:2]
    strips = np.zeros((-(-width // STRIP), height, 2, STRIP, 3), np.uint8)
    for number, strip in enumerate(strips):
        columns = slice(number * STRIP, min((number + 1) * STRIP, width))
        for side, image in enumerate((blurry, sharp)):
            strip[:, side, : columns.stop - columns.start] = image[:, columns]
    return strips


class CropFile:
    """Reader of files of `write_crop_file`, which checks the table and, as a sample, the last pair.

    Args:
      path: path of the file.

    Attributes:
      fingerprint: fingerprint of the pairs' source.
      sizes: (height, width) of each pair.

    Raises:
      ValueError: the file is damaged or truncated.
      OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
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
        """Returns a square of a pair, uint8 [2, crop, crop, 3]: of the blurry and of the sharp image.

        Raises:
          IcdpmError: the file can no longer be read.
        """
        height, _ = self.sizes[index]
        pair, run = np.empty((2, crop, crop, 3), np.uint8), np.empty((crop, 2, STRIP, 3), np.uint8)
        try:
            # Opened for every crop, which takes a few µs; some systems do not allow hundreds of open files.
            with open(self._path, "rb", buffering=0) as file:
                for strip in range(left // STRIP, (left + crop - 1) // STRIP + 1):
                    start = self._starts[index] + (strip * height + top) * STRIP * _PIXEL
                    if os.preadv(file.fileno(), [run.data], start) != run.nbytes:
                        raise IcdpmError(f"{self._path} was truncated after training started. Start it again.")
                    begin, end = max(left, strip * STRIP), min(left + crop, (strip + 1) * STRIP)
                    columns = run[:, :, begin - strip * STRIP : end - strip * STRIP]
                    pair[:, :, begin - left : end - left] = columns.swapaxes(0, 1)
        except OSError as error:
            raise IcdpmError(f"{self._path} cannot be read ({error.strerror}). Start training again.") from error
        return pair
