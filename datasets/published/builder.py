"""The TFDS builder that all published data sets share: a layout of pairs in, records in the published order out."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from icdpm.progress import progress_bar
from icdpm_datasets.published.archives import require_room
from icdpm_datasets.published.layout import Layout, Pair, find_tree
from icdpm_datasets.published.records import INDEX, RecordedPair, index_text, place_of
from icdpm_datasets.published.sets import PublishedSet
from icdpm_datasets.published.verify import verify_images

# Small enough to shuffle and to share out among workers by file, large enough to be read in long runs.
_SHARD_BYTES = 128 << 20


class PairBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Records the pairs of a published data set, whole pictures with their original bytes, in a fixed order.

    Features: `blurry` and `sharp`, uint8 [H, W, 3] of one size, stored as the PNG or JPEG file that was published; and
    `name`, the pair's published name. `info.metadata` says whether the records are the complete published set:
    `partial`, with `counts` and `published_counts` by split.

    Args:
      partial: accept a source that holds a subset, and say so in the metadata.
      **kwargs: TFDS's own (`data_dir`, `config`, `version`).
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}

    def __init_subclass__(cls, published: PublishedSet, **kwargs):
        """A builder of a set in the table, as in `class Builder(PairBuilder, published=GOPRO)`."""
        cls.published = published
        cls.BUILDER_CONFIGS = [
            tfds.core.BuilderConfig(name=name, description=variant.description)
            for name, variant in published.variants.items()
            if name
        ]
        cls.MANUAL_DOWNLOAD_INSTRUCTIONS = published.default_layout.instructions
        super().__init_subclass__(**kwargs)

    def __init__(self, *, partial: bool = False, **kwargs):
        super().__init__(**kwargs)
        self._partial = partial
        self._splits = None

    @property
    def layout(self) -> Layout:
        """The layout of the chosen variant."""
        return self.published.variants[self.builder_config.name if self.builder_config else ""].layout

    def _info(self) -> tfds.core.DatasetInfo:
        picture = functools.partial(tfds.features.Image, shape=(None, None, 3))
        features = {
            "blurry": picture(encoding_format=self.layout.blurry_format),
            "sharp": picture(encoding_format="png"),
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
        """Finds the pairs to record and checks everything about them; returns the folder in which their tree starts.

        Args:
          source: an archive, a folder with the archives, or the unpacked tree; as for `find_tree`.
          downloads: archives are unpacked below it; TFDS's own folder for it in `data_dir` by default.

        Raises IcdpmError that names whatever is wrong; nothing has been recorded then.
        """
        unpack_to = (downloads or Path(self.data_dir_root) / "downloads") / "extracted" / self.name
        root = find_tree(self.layout, source, unpack_to)
        splits = self.layout.find_pairs(root, self._partial)
        verify_images(splits)
        require_room(Path(self.data_dir_root), sum(_stored_bytes(pairs) for pairs in splits.values()))
        self._splits = splits
        return root

    def _split_generators(self, dl_manager):
        if self._splits is None:  # asked to prepare by TFDS itself, as in tfds.load
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
                # Paths, not arrays: TFDS then stores the bytes of the files as they are.
                yield pair.name, {"blurry": str(pair.blurry), "sharp": str(pair.sharp), "name": pair.name}

    def _download_and_prepare(self, dl_manager, download_config):
        """Writes the examples as they come, in place of TFDS's way to keep an order: a whole split in memory; and the index."""
        places: list[RecordedPair] = []
        splits = []
        for split, examples in self._split_generators(dl_manager).items():
            with contextlib.closing(examples):  # its progress bar, before the interpreter's end if writing fails
                splits.append(self._write(split, examples, places))
        self.info.set_splits(tfds.core.SplitDict(splits))
        (self.data_path / INDEX).write_text(index_text(places))

    def _write(
        self, split: str, examples: Iterator[tuple[str, dict]], places: list[RecordedPair]
    ) -> tfds.core.SplitInfo:
        import tensorflow as tf  # not at the top: the import takes seconds, and only records need it

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
                    places.append(place_of(path, record, end))
                    end = places[-1].record[1]
        size = sum(path.stat().length for path in paths)
        return tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=size, filename_template=template)


def _shard_lengths(pairs: list[Pair]) -> list[int]:
    """How many pairs each file of records gets: as equal as can be, and about `_SHARD_BYTES`."""
    shards = min(len(pairs), math.ceil(_stored_bytes(pairs) / _SHARD_BYTES))
    cuts = [len(pairs) * k // shards for k in range(shards + 1)]
    return [end - start for start, end in zip(cuts, cuts[1:])]


def _stored_bytes(pairs: list[Pair]) -> int:
    return sum(path.stat().st_size for pair in pairs for path in (pair.blurry, pair.sharp))
