"""Batches for training and validation, out of any source of pairs.

Training example number n (counted over all steps, epochs and workers) is a pure function of the seed and n: which pair,
which crop, or which earlier example's crop where crops are repeated, which flip and rotation. So a resumed run sees exactly
what an unbroken one would have seen, at no cost for skipping, and any number of workers see together what one would see alone.

Pairs in another storage take long to fetch. There a place in the batch shows one pair at some steps in a row, cut and turned
anew each time, before it shows the next (`order.first_visit`); crop and turn follow from the example's number as ever.

What an example costs apart from its pictures, drawing its numbers, rotating it and filling the batch, is a quarter of a
millisecond of one core at 128×128 pixels. What its pictures cost is up to the source: see
`published/crop_cache.py` for those that would cost most, large PNG files.

Pictures are read when batches are taken: do that within `python_calls.original_errors`, and a damaged one is told by the
source's own sentence.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm_datasets.augment import centre_crop, random_crop, random_dihedral, to_unit_range
from icdpm_datasets.order import VISIT, crops_shown_in_turns, first_visit, mixed_index, repeated_number, shuffled_index
from icdpm_datasets.pairs import InMemory, Mixture, PairSource, RemoteSource, load_crop
from icdpm_datasets.tf_data_errors import for_tf_data

Pair = tuple[tf.Tensor, tf.Tensor]
_FETCHES = max(16, 2 * os.cpu_count())  # of pairs at once: each waits for the storage first, then for a core to decode it
# Nothing here branches by a tensor's values: AutoGraph would spend a good part of the tracing on looking for it.
_traced_as_written = tf.autograph.experimental.do_not_convert
AUGMENTATION = 1  # keeps the random numbers of augmentation apart from those of other uses of the same seed


@_traced_as_written
def training_dataset(
    source: PairSource,
    *,
    batch: int,
    crop: int,
    seed: int,
    start_step: int = 0,
    steps: int | None = None,
    first_example: int = 0,
    shard_index: int = 0,
    num_shards: int = 1,
    per_replica_batch: int | None = None,
    repeat: int = 1,
    augment: bool = True,
) -> tf.data.Dataset:
    """Random crops in a fresh order every epoch, for one worker.

    Args:
      source: the pairs.
      batch: global batch; step s is made of the examples [s·batch, (s+1)·batch), counted from `first_example`.
      crop: width and height of the crops in pixels.
      seed: decides, with its number, what an example is.
      start_step: the first step.
      steps: how many steps; None is without end.
      first_example: the number of step 0's first example: where a run changes its batch, more than 0.
      shard_index, num_shards: this worker has the shard_index-th of num_shards equal parts of every global batch.
      per_replica_batch: size of the emitted batches, of which several in a row may make one step of this worker; None
        is the worker's whole part.
      repeat: how often a crop is shown, within some steps and turned anew each time; it is made once and kept for that long.
      augment: also flip and rotate by multiples of 90°.

    Returns:
      A dataset of dicts: 'blurry' and 'sharp', float32 [b, crop, crop, 3] in [-1, 1]; 'index', int64 [b], the examples'
      numbers.

    Raises:
      IcdpmError: a picture is smaller than the crop, or crops of pairs that are fetched are to be repeated.
      ValueError: the batch sizes do not divide, or there is no such shard.
    """
    source.check_crop(crop)
    if not 0 <= shard_index < num_shards:
        raise ValueError(f"there is no shard {shard_index} of {num_shards}")
    local_batch, rest = divmod(batch, num_shards)
    emitted = local_batch if per_replica_batch is None else per_replica_batch
    if rest or not local_batch or emitted < 1 or local_batch % emitted:
        raise ValueError(f"batch {batch} cannot be divided among {num_shards} workers in batches of {emitted}")
    choose = _chooser(source, seed)

    def bits_of(number: tf.Tensor) -> tf.Tensor:
        key = tf.random.experimental.stateless_fold_in(tf.constant([seed, AUGMENTATION], tf.int64), number)
        bits = tf.random.stateless_uniform([3], key, minval=0, maxval=tf.int32.max, dtype=tf.int32)
        return tf.cast(bits, tf.int64)

    def example(number: tf.Tensor, blurry: tf.Tensor, sharp: tf.Tensor) -> dict[str, tf.Tensor]:
        if augment:
            blurry, sharp = random_dihedral(blurry, sharp, bits_of(number)[2])
        return {"blurry": to_unit_range(blurry), "sharp": to_unit_range(sharp), "index": number}

    def read_examples() -> tf.data.Dataset:
        read = _crop_reader(source, crop, local_batch * crops_shown_in_turns(repeat))

        def read_example(local: tf.Tensor) -> dict[str, tf.Tensor]:
            number = local // local_batch * batch + shard_index * local_batch + local % local_batch
            shown = first_example + repeated_number(number, batch, repeat, seed)
            return example(first_example + number, *read(choose(shown), bits_of(shown)))

        end = np.iinfo(np.int64).max if steps is None else (start_step + steps) * local_batch
        numbers = tf.data.Dataset.range(start_step * local_batch, end)
        return numbers.map(read_example, tf.data.AUTOTUNE, deterministic=True)

    def fetched_examples() -> tf.data.Dataset:
        def crops_at(place: tf.Tensor) -> tf.data.Dataset:
            """(number, blurry, sharp) of the examples at a place in the batch, step by step."""
            begin = first_visit(place, batch)

            def crops_of(visit: tf.Tensor) -> tuple[tf.Tensor, ...]:
                pair = source.fetch(choose(first_example + visit * batch + place))
                first = begin + visit * VISIT
                shown = tf.range(tf.maximum(first, start_step), first + VISIT)
                return tf.map_fn(
                    lambda number: (number, *random_crop(*pair, crop, bits_of(number)[:2])),
                    first_example + shown * batch + place,
                    fn_output_signature=(tf.int64, tf.uint8, tf.uint8),
                )

            visits = tf.data.Dataset.range((start_step - begin) // VISIT, np.iinfo(np.int64).max)
            return visits.map(crops_of).unbatch().take(-1 if steps is None else steps)

        places = tf.data.Dataset.range(shard_index * local_batch, (shard_index + 1) * local_batch)
        crops = places.interleave(
            crops_at, cycle_length=local_batch, num_parallel_calls=min(_FETCHES, local_batch), deterministic=True
        )
        return crops.map(example, tf.data.AUTOTUNE, deterministic=True)

    if not isinstance(source, RemoteSource):
        return _batched(read_examples(), emitted, drop_remainder=True)
    if repeat > 1:
        raise IcdpmError(f"data.repeat {repeat}: crops are repeated where blur costs much; of records in a bucket, set it to 1")
    return _batched(fetched_examples(), emitted, drop_remainder=True)


@_traced_as_written
def validation_dataset(source: PairSource, *, count: int, crop: int, batch: int) -> tf.data.Dataset:
    """The centre crops of `count` pairs (all, where there are fewer), evenly spaced over the source, always the same.

    Dicts as `training_dataset`'s; 'index' is the pair's index in the source, and the last batch may be smaller.
    Raises IcdpmError where a picture is smaller than the crop.
    """
    source.check_crop(crop)
    count = min(count, len(source))
    read = _reader(source)

    def example(index: tf.Tensor) -> dict[str, tf.Tensor]:
        blurry, sharp = centre_crop(*read(index), crop)
        return {"blurry": to_unit_range(blurry), "sharp": to_unit_range(sharp), "index": index}

    chosen = tf.data.Dataset.from_tensor_slices(np.arange(count, dtype=np.int64) * len(source) // count)
    return _batched(chosen.map(example, tf.data.AUTOTUNE, deterministic=True), batch, drop_remainder=False)


def _chooser(source: PairSource, seed: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from an example's number, int64 [], to the index of the pair that it shows."""
    if isinstance(source, Mixture):
        return lambda number: mixed_index(number, source.counts, source.weights, seed)
    return lambda number: shuffled_index(number, len(source), seed)


def _crop_reader(source: PairSource, crop: int, kept: int) -> Callable[[tf.Tensor, tf.Tensor], Pair]:
    """A function from a pair's index and an example's random numbers, int64 [] and [3], to the example's crop.

    It is for use inside tf.data, gives (blurry, sharp), uint8 [crop, crop, 3], and keeps the `kept` crops last asked for.
    """
    if isinstance(source, InMemory):
        whole = _reader(source)
        return lambda index, bits: random_crop(*whole(index), crop, bits[:2])

    @functools.lru_cache(kept)
    def made(index: int, *bits: int) -> tuple[np.ndarray, np.ndarray]:
        return load_crop(source, index, crop, np.array(bits))

    load = for_tf_data(lambda index, bits: made(int(index), *bits.tolist()))

    def read(index: tf.Tensor, bits: tf.Tensor) -> Pair:
        pair = tf.numpy_function(load, [index, bits], (tf.uint8, tf.uint8), stateful=False)
        return tuple(tf.ensure_shape(picture, [crop, crop, 3]) for picture in pair)

    return read


def _reader(source: PairSource) -> Callable[[tf.Tensor], Pair]:
    """A function from an index, int64 [], to the pair (blurry, sharp), uint8 [H, W, 3], for use inside tf.data."""
    if isinstance(source, InMemory):
        with tf.device("CPU"):
            blurry, sharp = tf.constant(source.blurry), tf.constant(source.sharp)
        return lambda index: (tf.gather(blurry, index), tf.gather(sharp, index))
    load = for_tf_data(lambda index: source.load(int(index)))

    def read(index: tf.Tensor) -> Pair:
        pair = tf.numpy_function(load, [index], (tf.uint8, tf.uint8), stateful=False)
        return tuple(tf.ensure_shape(picture, [None, None, 3]) for picture in pair)

    return read


def _batched(examples: tf.data.Dataset, batch: int, drop_remainder: bool) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    # Workers take their parts by `shard_index`: tf.distribute must not divide them once more.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return examples.batch(batch, drop_remainder=drop_remainder).prefetch(tf.data.AUTOTUNE).with_options(options)
