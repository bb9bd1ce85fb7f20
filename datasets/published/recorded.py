"""A published data set that icdpm-prepare has recorded, by the name that people use."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from google.protobuf import json_format
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.storage import RemotePath, access_hint, is_remote, storage_path
from icdpm_datasets.published.records import INDEX, index_records, read_index, read_span
from icdpm_datasets.published.sets import tfds_name
from icdpm_datasets.tf_data_errors import named_source

MARKER = "dataset_info.json"  # the records are complete where it is


if TYPE_CHECKING:
    import tensorflow as tf


class Prepared(NamedTuple):
    """A data set's records: the folder that they lie in, and what TFDS knows of them."""

    folder: Path | RemotePath
    info: tfds.core.DatasetInfo


def find_prepared(recorded: str, data_dir: str | Path | RemotePath | None) -> Prepared | None:
    """A data set whose records are complete; None where they are not.

    Args:
      recorded: TFDS's name of it.
      data_dir: where TFDS keeps its data sets, perhaps a URL; None for TFDS's own default.

    Raises IcdpmError where the folder cannot be read, or its description is not one.
    """
    try:
        if is_remote(data_dir or ""):
            return _find_remotely(recorded, storage_path(data_dir))
        builder = tfds.builder(recorded, data_dir=data_dir and Path(data_dir).expanduser())
        folder = Path(builder.data_dir)
        # Unlike builder.is_prepared(), this logs nothing where there is nothing.
        return Prepared(folder, builder.info) if (folder / MARKER).is_file() else None
    except OSError as error:
        raise IcdpmError(f"{data_dir}: cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, AssertionError, json_format.Error) as error:
        if isinstance(error, IcdpmError):
            raise
        raise IcdpmError(f"{data_dir}: what describes {recorded} there is damaged; remove it and run icdpm-prepare") from error


def remote_folder(recorded: str, data_dir: RemotePath) -> RemotePath:
    """Where the records of a data set lie, or are to lie."""
    with tempfile.TemporaryDirectory() as root:
        return data_dir / Path(tfds.builder(recorded, data_dir=root).data_dir).relative_to(root).as_posix()


def _find_remotely(recorded: str, data_dir: RemotePath) -> Prepared | None:
    """As `find_prepared`. TFDS knows fewer storages than TensorFlow, so it is shown copies of what describes the set."""
    folder = remote_folder(recorded, data_dir)
    if not (folder / MARKER).is_file():
        return None
    with tempfile.TemporaryDirectory() as root:
        copy = Path(root) / folder.relative_to(data_dir)
        copy.mkdir(parents=True)
        for file in folder.iterdir():
            if file.suffix == ".json" and file.name != INDEX:
                (copy / file.name).write_bytes(file.read_bytes())
        info = tfds.builder(recorded, data_dir=root).info
        info.metadata["partial"]  # read when it is first asked for, and the copy does not stay
        return Prepared(folder, info)


def prepared_set(name: str, data_dir: str | None, split: str = "test") -> Prepared:
    """A data set whose records are there.

    Args:
      name, split: as for `tfds_name`.
      data_dir: as for `find_prepared`.

    Raises IcdpmError that says what to run where the records are not there, and those of `find_prepared`.
    """
    recorded = tfds_name(name, split)
    prepared = find_prepared(recorded, data_dir)
    if prepared is None:
        wanted = name if tfds_name(name) == recorded else recorded
        command = f"icdpm-prepare {wanted} --source=ARCHIVE_OR_FOLDER" + (f" --data_dir={data_dir}" if data_dir else "")
        where = data_dir or tfds.core.constants.DATA_DIR
        raise IcdpmError(f"{where}: {wanted} is not there{access_hint(where)}; make it with {command}")
    return prepared


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


class RemotePairs(RecordedPairs):
    """Recorded pairs whose data folder is a URL; a `RemoteSource`. Arguments and attributes are those of `RecordedPairs`."""

    def __init__(self, name: str, split: str, data_dir: str):
        super().__init__(name, split, data_dir)
        self._files = [str(pair.path) for pair in self._pairs]
        self._records = np.array([pair.record for pair in self._pairs], np.int64)

    def fetch(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As `RemoteSource.fetch`."""
        import tensorflow as tf  # not at the top: pairs on a disk are read without

        with named_source(str(self.folder)), tf.device("CPU"):
            start, end = tf.unstack(tf.gather(self._records, index))
            pictures = tf.io.parse_single_example(
                _read_record(tf.gather(self._files, index), start, end),
                {side: tf.io.FixedLenFeature([], tf.string) for side in ("blurry", "sharp")},
            )
            return tuple(_decode_in_graph(pictures[side]) for side in ("blurry", "sharp"))


def _read_record(file: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """The content of the record that takes the bytes from `start` to `end` of a file."""
    import tensorflow as tf

    # tf.data.TFRecordDataset reads from a file's beginning, the operation behind it from any place. Of files that are all on
    # S3 it would read 127 MB for every record, whatever it is told: the second file, which is never opened, is not.
    records = tf.raw_ops.TFRecordDatasetV2(
        filenames=[file, "none"], compression_type="", buffer_size=end - start, byte_offsets=[start, 0]
    )
    return tf.data.experimental.from_variant(records, tf.TensorSpec([], tf.string)).take(1).get_single_element()


def _decode_in_graph(picture: tf.Tensor) -> tf.Tensor:
    """The pixels of a PNG or JPEG file, uint8 [H, W, 3], those that Pillow decodes."""
    import tensorflow as tf

    return tf.cond(
        tf.io.is_jpeg(picture),
        lambda: tf.io.decode_jpeg(picture, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_png(picture, channels=3),
    )
