"""Recorded data sets: finding what icdpm-prepare has recorded, and reading pairs from local or remote records."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from google.protobuf import json_format
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.storage import RemotePath, access_hint, is_remote
from icdpm_datasets.pairs import MissingSplitError
from icdpm_datasets.published.records import INDEX, RecordedPair, index_records, read_index, read_span
from icdpm_datasets.published.sets import OWN_RECORDS, tfds_name
from icdpm_datasets.tf_data_errors import named_source

if TYPE_CHECKING:
    import tensorflow as tf

MARKER = "dataset_info.json"  # exists if the records are complete


class Prepared(NamedTuple):
    """Records of a data set.

    Attributes:
      folder: folder of the records.
      info: TFDS' description of them.
    """

    folder: Path | RemotePath
    info: tfds.core.DatasetInfo


def make_builder(recorded: str, data_dir: str | os.PathLike | None) -> tfds.core.DatasetBuilder:
    """Returns the builder of a data set.

    `tfds.builder` returns another class for configs that the builder's class does not list, in TFDS 4.9.3 without metadata.
    """
    name, _, config = recorded.partition("/")
    return tfds.builder_cls(name)(config=config or None, data_dir=data_dir)


def find_prepared(recorded: str, data_dir: str | os.PathLike | None) -> Prepared | None:
    """Finds the records of a data set; returns None if they are missing or incomplete.

    Args:
      recorded: TFDS' name of the data set.
      data_dir: folder of TFDS' data sets, optionally a URL; None for TFDS' default.

    Raises:
      IcdpmError: the folder cannot be read, or its description is damaged.
    """
    where = data_dir or tfds.core.constants.DATA_DIR
    try:
        if data_dir is not None and is_remote(data_dir):
            return _find_remote(recorded, RemotePath(data_dir))
        builder = make_builder(recorded, data_dir and Path(data_dir).expanduser())
        folder = Path(builder.data_dir)
        # Unlike builder.is_prepared(), this logs nothing if nothing exists.
        return Prepared(folder, builder.info) if (folder / MARKER).is_file() else None
    except OSError as error:
        raise IcdpmError(f"{where} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, AssertionError, json_format.Error) as error:
        if isinstance(error, IcdpmError):
            raise
        raise IcdpmError(
            f"{where}: the description of {recorded} is damaged. Remove its folder and run icdpm-prepare again."
        ) from error


def remote_folder(recorded: str, data_dir: RemotePath) -> RemotePath:
    """Returns the folder of a data set's records, whether they exist or not."""
    with tempfile.TemporaryDirectory() as root:
        return data_dir / Path(make_builder(recorded, root).data_dir).relative_to(root).as_posix()


def _find_remote(recorded: str, data_dir: RemotePath) -> Prepared | None:
    """Finds remote records. TFDS supports fewer storages than TensorFlow, so it reads local copies of the description."""
    folder = remote_folder(recorded, data_dir)
    if not (folder / MARKER).is_file():
        return None
    with tempfile.TemporaryDirectory() as root:
        copy = Path(root) / folder.relative_to(data_dir)
        copy.mkdir(parents=True)
        for file in folder.iterdir():
            if file.suffix == ".json" and file.name != INDEX:
                (copy / file.name).write_bytes(file.read_bytes())
        info = make_builder(recorded, root).info
        info.metadata["partial"]  # is read on first use, and the copy is temporary
        return Prepared(folder, info)


def prepared_set(name: str, data_dir: str | os.PathLike | None, split: str = "test") -> Prepared:
    """Finds the records of a data set.

    Args:
      name: as for `tfds_name`.
      split: as for `tfds_name`.
      data_dir: as for `find_prepared`.

    Raises:
      IcdpmError: the records are missing (the message has the command that makes them) or cannot be read.
    """
    recorded = tfds_name(name, split)
    prepared = find_prepared(recorded, data_dir)
    if prepared is None:
        requested = name if tfds_name(name) == recorded else recorded
        source = "SOURCE" if requested.partition("/")[0] == OWN_RECORDS else "ARCHIVE_OR_FOLDER"
        command = f"icdpm-prepare {requested} --source={source}" + (f" --data_dir={data_dir}" if data_dir else "")
        where = data_dir or tfds.core.constants.DATA_DIR
        raise IcdpmError(f"{where} has no records of {requested}{access_hint(where)}. Make them with {command}")
    return prepared


class RecordedPairs:
    """Pairs of one split as icdpm-prepare recorded them, in the published order; a `GraphSource`.

    Args:
      name: as for `icdpm_datasets.published.sets.tfds_name`.
      split: 'train', 'validation' or 'test'.
      data_dir: folder of TFDS' data sets, optionally a URL; None for TFDS' default.

    Attributes:
      names: published names.
      description: one line for logs, which also states whether the records are a subset.
      sizes: (height, width) of each pair.
      folder: folder of the records.

    Raises:
      IcdpmError: the records are missing (the message has the command that makes them), damaged, or have no such split.
    """

    def __init__(self, name: str, split: str, data_dir: str | os.PathLike | None = None) -> None:
        self.folder, info = prepared_set(name, data_dir, split)
        splits = info.splits
        if split not in splits:
            raise MissingSplitError(
                f"{self.folder}: {name} has no {split} split, only {', '.join(splits)}. Give other data for it."
            )
        files = [Path(path).name for path in splits[split].filepaths]
        self._pairs: list[RecordedPair] = (
            read_index(self.folder, files)
            if isinstance(self.folder, RemotePath)
            else [pair for file in files for pair in index_records(self.folder / file)]
        )
        if len(self) != splits[split].num_examples:
            raise IcdpmError(f"{self.folder} has {len(self)} of {splits[split].num_examples} pairs. Run icdpm-prepare again.")
        self.names = [pair.name for pair in self._pairs]
        self.sizes = [pair.size for pair in self._pairs]
        # Results on the configs of a data set are not comparable, so every log names the config.
        variant = info.full_name.rpartition("/")[0]
        note = " (partial: not the benchmark)" if info.metadata["partial"] else ""
        if "settings" in info.metadata:
            note = f" (from {info.metadata['settings']['source']})"
        self.description = f"{len(self)} {split} pairs of {variant}{note} in {self.folder}"

    def __len__(self) -> int:
        return len(self._pairs)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pair (blurry, sharp) at `index`, uint8 [H, W, 3]."""
        pair = self._pairs[index]
        try:
            blurry, sharp = (_decode(read_span(pair.path, span)) for span in (pair.blurry, pair.sharp))
        except (OSError, SyntaxError, ValueError) as error:
            raise IcdpmError(f"{pair.path}: {pair.name} cannot be read ({error}). Run icdpm-prepare again.") from error
        if any(image.shape[:2] != pair.size for image in (blurry, sharp)):
            raise IcdpmError(f"{pair.path}: the images of {pair.name} differ in size. Run icdpm-prepare again.")
        return blurry, sharp

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError if an image is smaller than `crop` pixels in height or width."""
        for name, (height, width) in zip(self.names, self.sizes):
            if min(height, width) < crop:
                raise IcdpmError(f"{self.folder}: {name} is {width}×{height} px, too small for crops of {crop} px.")

    def fetch(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the whole pair (blurry, sharp) at `index`; see `GraphSource.fetch`."""
        import tensorflow as tf  # not at the top, since `load` does not need it

        files = sorted({pair.path for pair in self._pairs})
        number = {path: k for k, path in enumerate(files)}
        spans = np.array([(number[pair.path], *pair.record) for pair in self._pairs], np.int64)
        with named_source(str(self.folder)), tf.device("CPU"):
            file, start, end = tf.unstack(tf.gather(spans, index))
            encoded = tf.io.parse_single_example(
                _read_record(tf.gather([*map(str, files)], file), start, end),
                {side: tf.io.FixedLenFeature([], tf.string) for side in ("blurry", "sharp")},
            )
            return _decode_in_graph(encoded["blurry"]), _decode_in_graph(encoded["sharp"])


def _decode(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _read_record(file: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """Returns the content of the record in the bytes from `start` to `end` of a file."""
    import tensorflow as tf

    # tf.data.TFRecordDataset starts at the beginning of a file; the operation behind it can start anywhere. If all files are on
    # S3, it reads 127 MB for each record regardless of `buffer_size`. The second file is not on S3, and is never opened.
    records = tf.raw_ops.TFRecordDatasetV2(
        filenames=[file, "none"], compression_type="", buffer_size=end - start, byte_offsets=[start, 0]
    )
    return tf.data.experimental.from_variant(records, tf.TensorSpec([], tf.string)).take(1).get_single_element()


def _decode_in_graph(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a PNG or JPEG file to uint8 [H, W, 3], with the same result as Pillow."""
    import tensorflow as tf

    return tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_png(encoded, channels=3),
    )
