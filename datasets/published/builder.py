"""TFDS builders of pairs: records in a fixed order, from a layout of published files or from any source of pairs."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import itertools
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from icdpm.cli import import_tensorflow
from icdpm.errors import IcdpmError
from icdpm.progress import progress_bar
from icdpm_datasets.published.archives import require_disk_space
from icdpm_datasets.published.layout import Layout, Pair, find_tree
from icdpm_datasets.published.records import INDEX, RecordedPair, index_text, locate_pair
from icdpm_datasets.published.sets import OWN_RECORDS, PublishedSet
from icdpm_datasets.published.verify import verify_images

# Small enough to shuffle and distribute by file, large enough to be read sequentially.
_SHARD_BYTES = 128 << 20


class RecordBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Base class for builders that record whole images in a fixed order, with an index of the records.

    Features: `blurry` and `sharp`, uint8 [H, W, 3] of equal size, and `name`, the unique name of the pair. `info.metadata` has
    `partial` (whether the records are a subset) and `counts`, the number of pairs by split.

    Subclasses implement `_split_generators`. It sets `_stored_bytes`, {split: bytes of each pair}, and returns {split: examples
    in order}. It writes at most `_limit` pairs of each split.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}

    _limit: int | None = None
    _stored_bytes: Mapping[str, Sequence[int]]

    def _make_info(self, blurry_format: str, **fields: Any) -> tfds.core.DatasetInfo:
        """Returns the description of records whose blurry images are "png" or "jpeg" files; sharp images are PNG."""
        image = functools.partial(tfds.features.Image, shape=(None, None, 3))
        features = {
            "blurry": image(encoding_format=blurry_format),
            "sharp": image(encoding_format="png"),
            "name": tfds.features.Text(),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("blurry", "sharp"),
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
            **fields,
        )

    def _download_and_prepare(self, dl_manager, download_config):
        """Writes examples in order, and the index. TFDS would keep a whole split in memory to preserve the order."""
        self._limit = download_config.max_examples_per_split
        if self._limit == 0:  # as TFDS does
            return
        recorded: list[RecordedPair] = []
        splits = []
        for split, examples in self._split_generators(dl_manager).items():
            with contextlib.closing(examples):  # ends its progress bar if writing fails
                splits.append(self._write(split, examples, recorded))
        self.info.set_splits(tfds.core.SplitDict(splits))
        (self.data_path / INDEX).write_text(index_text(recorded), encoding="utf-8")

    def _write(self, split: str, examples: Iterator[tuple[str, dict]], recorded: list[RecordedPair]) -> tfds.core.SplitInfo:
        tf = import_tensorflow()  # not at the top, since the import takes seconds and only recording needs it

        features, lengths = self.info.features, _shard_lengths(self._stored_bytes[split])
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


class PairBuilder(RecordBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Base class for builders of published data sets, which record their images with the published bytes and names.

    See `RecordBuilder` for the features. `info.metadata` also has `published_counts` by split.

    Args:
      partial: accept a subset, which the metadata then record. `max_examples_per_split` of TFDS implies it.
      **kwargs: arguments of TFDS (`data_dir`, `config`, `version`).
    """

    _registered_files: set[str | None] = set()

    def __init_subclass__(cls, published: PublishedSet, **kwargs: Any) -> None:
        """Configures and registers a subclass, as in `class Builder(PairBuilder, published=GOPRO)`."""
        cls.published = published
        cls.BUILDER_CONFIGS = [
            tfds.core.BuilderConfig(name=name, description=variant.description)
            for name, variant in published.variants.items()
            if name
        ]
        cls.MANUAL_DOWNLOAD_INSTRUCTIONS = published.default_layout.instructions
        # Imported by its path, as `tfds build` does, the file of a registered builder is a second module.
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        if file is not None and file in PairBuilder._registered_files:
            kwargs["skip_registration"] = True
        super().__init_subclass__(**kwargs)
        PairBuilder._registered_files.add(file)

    def __init__(self, *, partial: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._partial = partial
        self._splits: Mapping[str, list[Pair]] = {}

    @property
    def layout(self) -> Layout:
        """Layout of the chosen variant."""
        return self.published.variants[self.builder_config.name if self.builder_config else ""].layout

    def _info(self) -> tfds.core.DatasetInfo:
        return self._make_info(self.layout.blurry_format, homepage=self.layout.page)

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
        splits = self.layout.find_pairs(root, self._partial or self._limit is not None)
        splits = {split: pairs[: self._limit] for split, pairs in splits.items()}
        verify_images(splits)
        require_disk_space(Path(self.data_dir_root), sum(sum(_stored_bytes(pairs)) for pairs in splits.values()))
        self._splits = splits
        return root

    def _split_generators(self, dl_manager):
        if not self._splits:  # called by TFDS itself, as in tfds.load
            self.verify(Path(dl_manager.manual_dir), Path(dl_manager.download_dir))
        splits, self._splits = self._splits, {}  # another call finds and checks the files again
        self.info.metadata.update(
            partial=bool(self.layout.count_problems(splits)),
            counts={split: len(pairs) for split, pairs in splits.items()},
            published_counts=dict(self.layout.counts),
        )
        self._stored_bytes = {split: _stored_bytes(pairs) for split, pairs in splits.items()}
        return {split: self._generate_examples(split, pairs) for split, pairs in splits.items()}

    def _generate_examples(self, split: str, pairs: list[Pair]) -> Iterator[tuple[str, dict]]:
        with progress_bar(f"writing the {split} split", len(pairs), "pair") as bar:
            for pair in pairs:
                bar.update()
                # Given paths and not arrays, TFDS stores the bytes of the files unchanged.
                yield pair.name, {"blurry": str(pair.blurry), "sharp": str(pair.sharp), "name": pair.name}


@dataclasses.dataclass(frozen=True)
class PairsToRecord:
    """Pairs of one split of `Records`.

    Attributes:
      count: number of pairs.
      pair_bytes: estimated size of a recorded pair.
      pairs: (name, blurry, sharp) in order; images are encoded as PNG.
    """

    count: int
    pair_bytes: int
    pairs: Iterator[tuple[str, bytes, bytes]]


class Records(RecordBuilder):
    """Builder of records of other sources of pairs (`icdpm-prepare records`).

    See `RecordBuilder` for the features. A config may have any name. `info.metadata` also has `settings`, from which the pairs
    follow.

    Args:
      splits: {split: its pairs}; only needed to record them.
      settings: of the pairs, JSON values by name.
      **kwargs: arguments of TFDS (`data_dir`, `config`, `version`).
    """

    name = OWN_RECORDS

    def __init__(
        self,
        *,
        splits: Mapping[str, PairsToRecord] | None = None,
        settings: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._splits = splits or {}
        self._settings = settings or {}

    def _create_builder_config(self, builder_config, **_):
        """Returns a config of the given name; TFDS would accept only names that are known beforehand."""
        return tfds.core.BuilderConfig(name=builder_config) if isinstance(builder_config, str) else builder_config

    def _info(self) -> tfds.core.DatasetInfo:
        return self._make_info("png")

    def _split_generators(self, dl_manager):
        if not self._splits:
            raise IcdpmError(f"{self.data_dir} has no records. Make them with icdpm-prepare {self.info.full_name}.")
        counts = {split: min(each.count, self._limit or each.count) for split, each in self._splits.items()}
        self.info.metadata.update(partial=False, counts=counts, settings=dict(self._settings))
        self._stored_bytes = {split: [self._splits[split].pair_bytes] * count for split, count in counts.items()}
        return {split: self._generate_examples(split, count) for split, count in counts.items()}

    def _generate_examples(self, split: str, count: int) -> Iterator[tuple[str, dict]]:
        with progress_bar(f"writing the {split} split", count, "pair") as bar:
            for name, blurry, sharp in itertools.islice(self._splits[split].pairs, count):
                bar.update()
                yield name, {"blurry": io.BytesIO(blurry), "sharp": io.BytesIO(sharp), "name": name}


def _shard_lengths(stored_bytes: Sequence[int]) -> list[int]:
    """Returns the number of pairs of each file of records, as equal as possible, for files of about `_SHARD_BYTES`.

    Args:
      stored_bytes: bytes of each pair.
    """
    count = len(stored_bytes)
    shards = min(count, math.ceil(sum(stored_bytes) / _SHARD_BYTES))
    cuts = [count * k // shards for k in range(shards + 1)]
    return [end - start for start, end in zip(cuts, cuts[1:])]


def _stored_bytes(pairs: list[Pair]) -> list[int]:
    return [sum(path.stat().st_size for path in (pair.blurry, pair.sharp)) for pair in pairs]
