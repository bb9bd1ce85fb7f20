"""Base class for the TFDS builders of published data sets: from a layout of pairs to records in the published order."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from icdpm.cli import import_tensorflow
from icdpm.progress import progress_bar
from icdpm_datasets.published.archives import require_disk_space
from icdpm_datasets.published.layout import Layout, Pair, find_tree
from icdpm_datasets.published.records import INDEX, RecordedPair, index_text, locate_pair
from icdpm_datasets.published.sets import PublishedSet
from icdpm_datasets.published.verify import verify_images

# Small enough to shuffle and distribute by file, large enough to be read sequentially.
_SHARD_BYTES = 128 << 20


class PairBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Base class for builders that record whole images with their published bytes, in a fixed order.

    Features: `blurry` and `sharp`, uint8 [H, W, 3] of equal size, stored as the published PNG or JPEG file; and `name`, the
    published name of the pair. `info.metadata` has `partial` (whether the records are a subset), `counts` and
    `published_counts` by split.

    Args:
      partial: accept a subset, which the metadata then record.
      **kwargs: arguments of TFDS (`data_dir`, `config`, `version`).
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}

    def __init_subclass__(cls, published: PublishedSet, **kwargs: Any) -> None:
        """Configures a subclass, as in `class Builder(PairBuilder, published=GOPRO)`."""
        cls.published = published
        cls.BUILDER_CONFIGS = [
            tfds.core.BuilderConfig(name=name, description=variant.description)
            for name, variant in published.variants.items()
            if name
        ]
        cls.MANUAL_DOWNLOAD_INSTRUCTIONS = published.default_layout.instructions
        super().__init_subclass__(**kwargs)

    def __init__(self, *, partial: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._partial = partial
        self._splits: Mapping[str, list[Pair]] = {}

    @property
    def layout(self) -> Layout:
        """Layout of the chosen variant."""
        return self.published.variants[self.builder_config.name if self.builder_config else ""].layout

    def _info(self) -> tfds.core.DatasetInfo:
        image = functools.partial(tfds.features.Image, shape=(None, None, 3))
        features = {
            "blurry": image(encoding_format=self.layout.blurry_format),
            "sharp": image(encoding_format="png"),
            "name": tfds.features.Text(),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("blurry", "sharp"),
            homepage=self.layout.page,
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
        )

    def verify(self, source: Path, downloads: Path | None = None) -> Path:
        """Finds and checks the pairs to record.

        Args:
          source: an archive, a folder with the archives, or the unpacked tree, as for `find_tree`.
          downloads: folder below which archives are unpacked; TFDS' folder in `data_dir` by default.

        Returns:
          The folder where the tree starts.

        Raises:
          IcdpmError: the source is not as published; nothing has been recorded.
        """
        unpack_to = (downloads or Path(self.data_dir_root) / "downloads") / "extracted" / self.name
        root = find_tree(self.layout, source, unpack_to)
        splits = self.layout.find_pairs(root, self._partial)
        verify_images(splits)
        require_disk_space(Path(self.data_dir_root), sum(_stored_bytes(pairs) for pairs in splits.values()))
        self._splits = splits
        return root

    def _split_generators(self, dl_manager):
        if not self._splits:  # called by TFDS itself, as in tfds.load
            self.verify(Path(dl_manager.manual_dir), Path(dl_manager.download_dir))
        self.info.metadata.update(
            partial=bool(self.layout.count_problems(self._splits)),
            counts={split: len(pairs) for split, pairs in self._splits.items()},
            published_counts=dict(self.layout.counts),
        )
        return {split: self._generate_examples(split, pairs) for split, pairs in self._splits.items()}

    def _generate_examples(self, split: str, pairs: list[Pair]) -> Iterator[tuple[str, dict]]:
        with progress_bar(f"writing the {split} split", len(pairs), "pair") as bar:
            for pair in pairs:
                bar.update()
                # Given paths and not arrays, TFDS stores the bytes of the files unchanged.
                yield pair.name, {"blurry": str(pair.blurry), "sharp": str(pair.sharp), "name": pair.name}

    def _download_and_prepare(self, dl_manager, download_config):
        """Writes examples in order, and the index. TFDS would keep a whole split in memory to preserve the order."""
        recorded: list[RecordedPair] = []
        splits = []
        for split, examples in self._split_generators(dl_manager).items():
            with contextlib.closing(examples):  # ends its progress bar if writing fails
                splits.append(self._write(split, examples, recorded))
        self.info.set_splits(tfds.core.SplitDict(splits))
        (self.data_path / INDEX).write_text(index_text(recorded), encoding="utf-8")

    def _write(
        self, split: str, examples: Iterator[tuple[str, dict]], recorded: list[RecordedPair]
    ) -> tfds.core.SplitInfo:
        tf = import_tensorflow()  # not at the top, since the import takes seconds and only recording needs it

        features, lengths = self.info.features, _shard_lengths(self._splits[split])
        serializer = tfds.core.ExampleSerializer(features.get_serialized_info())
        template = tfds.core.ShardedFileTemplate(
            data_dir=self.data_path, dataset_name=self.name, split=split, filetype_suffix="tfrecord"
        )
        paths = template.sharded_filepaths(len(lengths))
        for path, length in zip(paths, lengths):
            end = 0
            with tf.io.TFRecordWriter(str(path)) as writer:
                for _, example in itertools.islice(examples, length):
                    record = serializer.serialize_example(features.encode_example(example))
                    writer.write(record)
                    recorded.append(locate_pair(path, record, end))
                    end = recorded[-1].record[1]
        size = sum(path.stat().length for path in paths)
        return tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=size, filename_template=template)


def _shard_lengths(pairs: list[Pair]) -> list[int]:
    """Returns the number of pairs of each file of records, as equal as possible, for files of about `_SHARD_BYTES`."""
    shards = min(len(pairs), math.ceil(_stored_bytes(pairs) / _SHARD_BYTES))
    cuts = [len(pairs) * k // shards for k in range(shards + 1)]
    return [end - start for start, end in zip(cuts, cuts[1:])]


def _stored_bytes(pairs: list[Pair]) -> int:
    return sum(path.stat().st_size for pair in pairs for path in (pair.blurry, pair.sharp))
