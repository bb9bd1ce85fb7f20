"""The records of a published data set as a source of whole pairs, in the published order."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.storage import is_remote
from icdpm_datasets.published.prepared import prepared_set
from icdpm_datasets.published.records import index_records, read_index, read_span


class RecordedPairs:
    """The pairs of one split as icdpm-prepare recorded them; a `PairSource`.

    Args:
      name: as for `icdpm_datasets.published.sets.tfds_name`.
      split: 'train', 'validation' or 'test'.
      data_dir: where TFDS keeps its data sets, perhaps a URL; None for TFDS's own default.

    Attributes:
      names: the published ones, in the published order.
      description: one line for logs; it says so where the records are a subset of the data set.
      sizes: (height, width) of each pair.
      folder: of the records.
      fingerprints, counts: by file of records, in order: a fingerprint of its contents, and how many pairs it has. None of
        records in another storage, which are not read for it.

    Raises IcdpmError where the records are not there (it says what to run), have no such split, or are damaged.
    """

    def __init__(self, name: str, split: str, data_dir: str | None = None):
        self.folder, info = prepared_set(name, data_dir, split)
        splits = info.splits
        if split not in splits:
            there = ", ".join(splits)
            raise IcdpmError(f"{self.folder}: {name} has no {split} split, only {there}; name other data for it")
        self.fingerprints: dict[Path, str] = {}
        self.counts: dict[Path, int] = {}
        self._pairs = []
        if is_remote(self.folder):
            self._pairs = read_index(self.folder, [Path(path).name for path in splits[split].filepaths])
        else:
            for path in map(Path, splits[split].filepaths):
                pairs, self.fingerprints[path] = index_records(path)
                self.counts[path] = len(pairs)
                self._pairs += pairs
        if len(self) != splits[split].num_examples:
            raise IcdpmError(f"{self.folder}: {len(self)} of {splits[split].num_examples} pairs; run icdpm-prepare again")
        self.names = [pair.name for pair in self._pairs]
        self.sizes = [pair.size for pair in self._pairs]
        # The configs of a data set differ in what a result means, so every log names the one that was used.
        variant = info.full_name.rpartition("/")[0]
        note = " (partial: not the benchmark)" if info.metadata["partial"] else ""
        self.description = f"{len(self)} {split} pairs of {variant}{note} in {self.folder}"

    def __len__(self) -> int:
        return len(self._pairs)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The pair (blurry, sharp) at `index`, uint8 [H, W, 3]. Raises IcdpmError where it cannot be read."""
        pair = self._pairs[index]
        try:
            pictures = tuple(_decode(read_span(pair.path, span)) for span in (pair.blurry, pair.sharp))
        except (OSError, SyntaxError, ValueError) as error:
            raise IcdpmError(f"{pair.path}: {pair.name} cannot be read ({error}); run icdpm-prepare again") from error
        if any(picture.shape[:2] != pair.size for picture in pictures):
            raise IcdpmError(f"{pair.path}: the pictures of {pair.name} differ in size; run icdpm-prepare again")
        return pictures

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError where a picture is narrower or lower than `crop` pixels."""
        for name, (height, width) in zip(self.names, self.sizes):
            if min(height, width) < crop:
                raise IcdpmError(f"{self.folder}: {name} is {width}×{height} px, too small for crops of {crop} px")


def _decode(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))
