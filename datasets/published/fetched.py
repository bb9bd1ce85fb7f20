"""Recorded pairs in another storage, as training wants them: a record at a time, each in one long read.

A record holds both pictures of a pair as published, two or three megabytes of PNG: long enough to be read at a storage's full
speed wherever it lies, so that every epoch stays a permutation of single pairs. The index says where each begins. Reading,
checking the checksum, decoding are TensorFlow's operations: no Python runs while a training waits for its pictures.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from icdpm_datasets.published.recorded import RecordedPairs
from icdpm_datasets.python_calls import told_of


class FetchedPairs(RecordedPairs):
    """Recorded pairs whose data folder is a URL; a `FetchedSource`. Arguments and attributes are those of `RecordedPairs`."""

    def __init__(self, name: str, split: str, data_dir: str):
        super().__init__(name, split, data_dir)
        self._files = [str(pair.path) for pair in self._pairs]
        self._records = np.array([pair.record for pair in self._pairs], np.int64)

    def fetch(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As `FetchedSource.fetch`."""
        with told_of(str(self.folder)), tf.device("CPU"):
            start, end = tf.unstack(tf.gather(self._records, index))
            pictures = tf.io.parse_single_example(
                _read_record(tf.gather(self._files, index), start, end),
                {side: tf.io.FixedLenFeature([], tf.string) for side in ("blurry", "sharp")},
            )
            return tuple(_decode(pictures[side]) for side in ("blurry", "sharp"))


def _read_record(file: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """The content of the record that takes the bytes from `start` to `end` of a file."""
    # tf.data.TFRecordDataset reads from a file's beginning, the operation behind it from any place. Of files that are all on
    # S3 it would read 127 MB for every record, whatever it is told: the second file, which is never opened, is not.
    records = tf.raw_ops.TFRecordDatasetV2(
        filenames=[file, "none"], compression_type="", buffer_size=end - start, byte_offsets=[start, 0]
    )
    return tf.data.experimental.from_variant(records, tf.TensorSpec([], tf.string)).take(1).get_single_element()


def _decode(picture: tf.Tensor) -> tf.Tensor:
    """The pixels of a PNG or JPEG file, uint8 [H, W, 3], those that Pillow decodes."""
    return tf.cond(
        tf.io.is_jpeg(picture),
        lambda: tf.io.decode_jpeg(picture, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_png(picture, channels=3),
    )
