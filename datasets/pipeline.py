"""Input pipeline: batches for training and validation from any source of pairs.

Training example n (counted over all steps, epochs and workers) is a pure function of the seed and n: its pair, its crop (or the
earlier example whose crop it repeats), its flip and rotation. A resumed run therefore sees exactly what an uninterrupted one
would have seen, without skipping examples, and each worker reads a contiguous
slice of every global batch, so training data do not depend on the number of workers.

Pairs in remote storage take long to fetch. Each batch slot then takes 40 consecutive crops from a fetched pair before it
moves to the next pair (`order.first_block`); crop, flip and rotation depend on the example's number as before.

Apart from its images, an example costs a quarter of a millisecond of one core at 128×128 pixels. The cost of its images depends
on the source; `published/crop_cache.py` reduces it for large PNG files.

Images are read when batches are taken. Do that within `tf_data_errors.original_errors`, so that a damaged file raises the
source's own error.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.networks.operations import to_minus_one_one
from icdpm_datasets.augment import center_crop, random_crop, random_dihedral
from icdpm_datasets.order import CROPS_PER_FETCH, crops_to_keep, first_block, mixed_index, repeated_number, shuffled_index
from icdpm_datasets.pairs import InMemory, Mixture, PairSource, RemoteSource, dtype_of, load_crop
from icdpm_datasets.tf_data_errors import for_tf_data

Pair = tuple[tf.Tensor, tf.Tensor]
# Pairs that are fetched at once; each waits for the storage first, then for a core to decode it.
_FETCHES = max(16, 2 * (os.cpu_count() or 1))
# Nothing here branches by a tensor's values, and AutoGraph takes a good part of the tracing to find that out.
_without_autograph = tf.autograph.experimental.do_not_convert
AUGMENTATION = 1  # separates the random numbers of augmentation from other uses of the same seed


@_without_autograph
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
    """Makes the dataset of one worker: random crops, in a new order every epoch.

    Args:
      source: the pairs.
      batch: size of the global batch; step s has the examples [s·batch, (s+1)·batch), counted from `first_example`.
      crop: side of the crops in pixels.
      seed: an example is a function of this seed and the example's number.
      start_step: the first step.
      steps: number of steps; None for no end.
      first_example: number of the first example of step 0, which exceeds 0 after a run has changed its batch size.
      shard_index: index of this worker's shard, from 0.
      num_shards: number of equal shards of every global batch.
      per_replica_batch: size of the emitted batches, of which several may form a step of this worker; None for the worker's
        whole part.
      repeat: number of times each crop is used, each with another flip or rotation.
      augment: also flip and rotate by multiples of 90°.

    Returns:
      A dataset of {'blurry': float32 [b, crop, crop, 3] in [−1, 1], 'sharp': likewise, 'index': int64 [b], the numbers of the
      examples}.

    Raises:
      IcdpmError: an image is smaller than the crop, or `repeat` exceeds 1 with a remote source.
      ValueError: the batch sizes do not divide, or the shard does not exist.
    """
    source.check_crop(crop)
    if not 0 <= shard_index < num_shards:
        raise ValueError(f"`shard_index` must be in [0, num_shards = {num_shards}). Received: {shard_index}.")
    local_batch, rest = divmod(batch, num_shards)
    emitted = local_batch if per_replica_batch is None else per_replica_batch
    if rest or not local_batch or emitted < 1 or local_batch % emitted:
        raise ValueError(
            f"The batch must be divisible among {num_shards} workers in batches of {emitted}. Received: batch={batch}."
        )
    choose = _index_function(source, seed)

    def random_ints_of(number: tf.Tensor) -> tf.Tensor:
        key = tf.random.experimental.stateless_fold_in(tf.constant([seed, AUGMENTATION], tf.int64), number)
        random_ints = tf.random.stateless_uniform([3], key, minval=0, maxval=tf.int32.max, dtype=tf.int32)
        return tf.cast(random_ints, tf.int64)

    def example(number: tf.Tensor, blurry: tf.Tensor, sharp: tf.Tensor) -> dict[str, tf.Tensor]:
        if augment:
            blurry, sharp = random_dihedral(blurry, sharp, random_ints_of(number)[2])
        return {"blurry": to_minus_one_one(blurry), "sharp": to_minus_one_one(sharp), "index": number}

    def read_examples() -> tf.data.Dataset:
        read = _crop_reader(source, crop, local_batch * crops_to_keep(repeat))

        def read_example(local: tf.Tensor) -> dict[str, tf.Tensor]:
            number = local // local_batch * batch + shard_index * local_batch + local % local_batch
            crop_number = first_example + repeated_number(number, batch, repeat, seed)
            return example(first_example + number, *read(choose(crop_number), random_ints_of(crop_number)))

        end = np.iinfo(np.int64).max if steps is None else (start_step + steps) * local_batch
        numbers = tf.data.Dataset.range(start_step * local_batch, end)
        return numbers.map(read_example, tf.data.AUTOTUNE, deterministic=True)

    def remote_examples() -> tf.data.Dataset:
        def crops_at(slot: tf.Tensor) -> tf.data.Dataset:
            """Returns (number, blurry, sharp) of the examples in a batch slot, step by step."""
            begin = first_block(slot, batch)

            def crops_of(block: tf.Tensor) -> tuple[tf.Tensor, ...]:
                pair = source.fetch(choose(first_example + block * batch + slot))
                first = begin + block * CROPS_PER_FETCH
                steps_of_block = tf.range(tf.maximum(first, start_step), first + CROPS_PER_FETCH)
                return tf.map_fn(
                    lambda number: (number, *random_crop(*pair, crop, random_ints_of(number)[:2])),
                    first_example + steps_of_block * batch + slot,
                    fn_output_signature=(tf.int64, tf.uint8, tf.uint8),
                )

            blocks = tf.data.Dataset.range((start_step - begin) // CROPS_PER_FETCH, np.iinfo(np.int64).max)
            return blocks.map(crops_of).unbatch().take(-1 if steps is None else steps)

        slots = tf.data.Dataset.range(shard_index * local_batch, (shard_index + 1) * local_batch)
        crops = slots.interleave(
            crops_at, cycle_length=local_batch, num_parallel_calls=min(_FETCHES, local_batch), deterministic=True
        )
        return crops.map(example, tf.data.AUTOTUNE, deterministic=True)

    if not isinstance(source, RemoteSource):
        return _batched(read_examples(), emitted, drop_remainder=True)
    if repeat > 1:
        raise IcdpmError(f"`data.repeat` must be 1 for records in remote storage. Received: {repeat}.")
    return _batched(remote_examples(), emitted, drop_remainder=True)


@_without_autograph
def validation_dataset(source: PairSource, *, count: int, crop: int, batch: int) -> tf.data.Dataset:
    """Makes a dataset of center crops, always the same.

    Args:
      source: the pairs.
      count: number of pairs, evenly spaced over the source; all if there are fewer.
      crop: side of the crops in pixels.
      batch: size of the batches; the last one may be smaller.

    Returns:
      A dataset as that of `training_dataset`, where 'index' is the index of the pair in the source.

    Raises:
      IcdpmError: an image is smaller than the crop.
    """
    source.check_crop(crop)
    count = min(count, len(source))
    read = _reader(source)

    def example(index: tf.Tensor) -> dict[str, tf.Tensor]:
        blurry, sharp = center_crop(*read(index), crop)
        return {"blurry": to_minus_one_one(blurry), "sharp": to_minus_one_one(sharp), "index": index}

    chosen = tf.data.Dataset.from_tensor_slices(np.arange(count, dtype=np.int64) * len(source) // count)
    return _batched(chosen.map(example, tf.data.AUTOTUNE, deterministic=True), batch, drop_remainder=False)


def _index_function(source: PairSource, seed: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from an example's number, int64 [], to the index of its pair."""
    if isinstance(source, Mixture):
        return lambda number: mixed_index(number, source.counts, source.weights, seed)
    return lambda number: shuffled_index(number, len(source), seed)


def _crop_reader(source: PairSource, crop: int, kept: int) -> Callable[[tf.Tensor, tf.Tensor], Pair]:
    """Returns a function for tf.data from a pair's index and an example's random numbers to the example's crop.

    Args:
      source: the pairs.
      crop: side of the crop in pixels.
      kept: number of crops to keep, the most recent ones.

    Returns:
      A function (index: int64 [], random_ints: int64 [3]) → (blurry, sharp), [crop, crop, 3] of the source's type.
    """
    if isinstance(source, InMemory):
        whole = _reader(source)
        return lambda index, random_ints: random_crop(*whole(index), crop, random_ints[:2])

    @functools.lru_cache(kept)
    def make_crop(index: int, *random_ints: int) -> tuple[np.ndarray, np.ndarray]:
        return load_crop(source, index, crop, np.array(random_ints))

    load = for_tf_data(lambda index, random_ints: make_crop(int(index), *random_ints.tolist()))
    dtype = tf.as_dtype(dtype_of(source))

    def read(index: tf.Tensor, random_ints: tf.Tensor) -> Pair:
        pair = tf.numpy_function(load, [index, random_ints], (dtype, dtype), stateful=False)
        return tuple(tf.ensure_shape(image, [crop, crop, 3]) for image in pair)

    return read


def _reader(source: PairSource) -> Callable[[tf.Tensor], Pair]:
    """Returns a function for tf.data from an index, int64 [], to the pair (blurry, sharp), [H, W, 3] of the source's type."""
    if isinstance(source, InMemory):
        with tf.device("CPU"):
            blurry, sharp = tf.constant(source.blurry), tf.constant(source.sharp)
        return lambda index: (tf.gather(blurry, index), tf.gather(sharp, index))
    load, dtype = for_tf_data(lambda index: source.load(int(index))), tf.as_dtype(dtype_of(source))

    def read(index: tf.Tensor) -> Pair:
        pair = tf.numpy_function(load, [index], (dtype, dtype), stateful=False)
        return tuple(tf.ensure_shape(image, [None, None, 3]) for image in pair)

    return read


def _batched(examples: tf.data.Dataset, batch: int, drop_remainder: bool) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    # Workers take their parts by `shard_index`, so tf.distribute must not divide them again.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return examples.batch(batch, drop_remainder=drop_remainder).prefetch(tf.data.AUTOTUNE).with_options(options)
