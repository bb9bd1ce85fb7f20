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
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import file_lock
from icdpm.progress import progress_bar
from icdpm_datasets.console import warn
from icdpm_datasets.pairs import corner_of
from icdpm_datasets.published.crop_file import CropFile, laid_out_bytes, write_crop_file
from icdpm_datasets.published.disk import require_room
from icdpm_datasets.published.recorded import RecordedPairs

_FOLDER = "strips"


class TrainingPairs(RecordedPairs):
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
