"""Records of any source of pairs, which training reads without Python, for example on the hosts of a TPU slice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pairs import FileSource, MissingSplitError, Mixture, PairSource, dtype_of
from icdpm_datasets.pipeline import training_dataset
from icdpm_datasets.prepare.recording import local_data_dir, summarize, write_records
from icdpm_datasets.published.builder import PairsToRecord, Records
from icdpm_datasets.published.recorded import find_prepared, prepared_set
from icdpm_datasets.tf_data_errors import original_errors

_COMPRESSION = 0.6  # of PNG, a guess from which the number of files follows


def prepare_records(
    name: str,
    source: str,
    data_dir: str | os.PathLike | None,
    crop: int | None = None,
    count: int | None = None,
    seed: int = 0,
) -> str:
    """Records a source of pairs, of which training then reads the records in its place.

    The train split has whole pairs, or random crops: the first training examples of the source, which follow from the seed,
    before flips and rotations. The test split has the whole pairs of the source's own test split, if it has one.

    Args:
      name: `records`, or `records/NAME`, as which training finds the records in `data_dir`.
      source: any source of `icdpm_datasets.load.load_pairs`.
      data_dir: folder of TFDS' data sets, optionally a URL, for the records and published sets in `source`; None for TFDS'
        default.
      crop: side of the crops in pixels; None for whole pairs.
      count: number of crops; None for whole pairs.
      seed: determines the pair, place and degradation of each crop.

    Returns:
      A one-line summary.

    Raises:
      IcdpmError: the source cannot be read or recorded, the disk is full, or other records of this name exist.
    """
    settings = {"source": source, "crop": crop, "count": count, "seed": seed if crop else None}
    existing = find_prepared(name, data_dir)
    if existing:
        if existing.info.metadata["settings"] != settings:
            raise IcdpmError(
                f"{existing.folder} has records of {_describe(existing.info.metadata['settings'])}. Choose another name "
                "(records/NAME) or remove the folder."
            )
        return f"exists already: {summarize(existing)}"
    training = load_pairs(source, "train", data_dir)
    _check(training, source, crop)
    splits = {"train": _crops(training, crop, count, seed) if crop and count else _whole_pairs(training)}
    test = _test_pairs(source, training, data_dir)
    if test:
        _check(test, source, crop)
        splits["test"] = _whole_pairs(test)
    with local_data_dir(name, data_dir) as local, original_errors():
        write_records(Records(config=name.partition("/")[2] or None, data_dir=local, splits=splits, settings=settings))
    note = "" if test else "; it has no test split, so training needs --validation_data"
    return f"ready: {summarize(prepared_set(name, data_dir))}{note}"


def _describe(settings: dict[str, Any]) -> str:
    crops = f"{settings['count']} crops of {settings['crop']} px with seed {settings['seed']} from " if settings["crop"] else ""
    return crops + settings["source"]


def _check(pairs: PairSource, source: str, crop: int | None) -> None:
    if dtype_of(pairs) != np.uint8:
        raise IcdpmError(f"{source} has 16 bits per channel, but records have 8. Convert its images to 8 bits.")
    if crop is None and isinstance(pairs, Mixture):
        raise IcdpmError(f"{source} is a mixture, whose proportions need random crops. Give --crop and --count.")


def _test_pairs(source: str, training: PairSource, data_dir: str | os.PathLike | None) -> PairSource | None:
    """Returns the test split of a source; None if it has none, or if any of it is trained on: pairs or image files."""
    try:
        test = load_pairs(source, "test", data_dir)
    except MissingSplitError:
        return None
    parts = [each.sources if isinstance(each, Mixture) else [each] for each in (training, test)]
    descriptions = [{part.description for part in each} for each in parts]
    files = [
        {file for part in each if isinstance(part, FileSource) for k in range(len(part)) for file in part.files(k)}
        for each in parts
    ]
    return None if descriptions[0] & descriptions[1] or files[0] & files[1] else test


def _crops(source: PairSource, crop: int, count: int, seed: int) -> PairsToRecord:
    examples = training_dataset(source, batch=1, crop=crop, seed=seed, steps=count, augment=False).unbatch()
    encoded = examples.map(_encode_example, tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
    pairs = ((f"{index:08d}", blurry, sharp) for index, blurry, sharp in encoded.as_numpy_iterator())
    return PairsToRecord(count, int(2 * 3 * crop * crop * _COMPRESSION), pairs)


def _encode_example(example: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    images = (tf.cast(tf.round((example[side] + 1.0) * 127.5), tf.uint8) for side in ("blurry", "sharp"))
    return example["index"], *(tf.io.encode_png(image) for image in images)


def _whole_pairs(source: PairSource) -> PairsToRecord:
    return PairsToRecord(len(source), int(2 * source.load(0)[0].nbytes * _COMPRESSION), _encoded_pairs(source))


def _encoded_pairs(source: PairSource) -> Iterator[tuple[str, bytes, bytes]]:
    """Yields the pairs of a source, encoded on all cores, a few at a time so that they do not fill the memory."""
    few = 2 * (os.cpu_count() or 1)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(source), few):
            yield from pool.map(lambda index: _encode_pair(source, index), range(start, min(start + few, len(source))))


def _encode_pair(source: PairSource, index: int) -> tuple[str, bytes, bytes]:
    blurry, sharp = (tf.io.encode_png(image).numpy() for image in source.load(index))
    return source.names[index], blurry, sharp
