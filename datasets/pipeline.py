"""Input pipeline: batches for training and validation from any source of pairs.

Training example n (counted over all steps, epochs and workers) is a pure function of the seed and n: its pair, its crop (or the
earlier example whose crop it repeats), its flip and rotation. A resumed run therefore sees exactly what an uninterrupted one
would have seen, without skipping examples, and each worker reads a contiguous
slice of every global batch, so training data do not depend on the number of workers.

Pairs of recorded sets take long to fetch and decode. Several consecutive crops are therefore cut from each pair
(`order.crops_per_pair`). Nothing but TensorFlow operations is involved, so such a dataset also runs in processes that cannot
import this package: the hosts of a TPU slice, or the workers of tf.data's service.

Images are read when batches are taken. Do that within `tf_data_errors.original_errors`, so that a damaged file raises the
source's own error.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from icdpm.networks.operations import to_minus_one_one
from icdpm_datasets.augment import center_crop, random_crop, random_dihedral
from icdpm_datasets.order import (
    crops_per_pair,
    crops_to_keep,
    first_block,
    mixed_index,
    repeated_number,
    shuffled_index,
    slot_count,
)
from icdpm_datasets.pairs import GraphSource, InMemory, Mixture, PairSource, dtype_of, load_crop, load_crops
from icdpm_datasets.tf_data_errors import for_tf_data

Pair = tuple[tf.Tensor, tf.Tensor]
Example = tuple[tf.Tensor, tf.Tensor, tf.Tensor]  # number, blurry, sharp
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
      IcdpmError: an image is smaller than the crop.
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

    def augmented(number: tf.Tensor, blurry: tf.Tensor, sharp: tf.Tensor, random_ints: tf.Tensor) -> Example:
        return number, *(random_dihedral(blurry, sharp, random_ints[2]) if augment else (blurry, sharp))

    def single_examples() -> tf.data.Dataset:
        read = _crop_reader(source, crop, local_batch * crops_to_keep(repeat))

        def read_example(local: tf.Tensor) -> Example:
            number = local // local_batch * batch + shard_index * local_batch + local % local_batch
            crop_number = first_example + repeated_number(number, batch, repeat, seed)
            number = first_example + number
            return augmented(number, *read(choose(crop_number), random_ints_of(crop_number)), random_ints_of(number))

        end = np.iinfo(np.int64).max if steps is None else (start_step + steps) * local_batch
        numbers = tf.data.Dataset.range(start_step * local_batch, end)
        return numbers.map(read_example, tf.data.AUTOTUNE, deterministic=True)

    def block_examples() -> tf.data.Dataset:
        slots, crops = slot_count(batch), crops_per_pair(crop)
        different = -(-crops // repeat)
        read = _crops_reader(source, crop)

        def examples_of_slot(turn: tf.Tensor) -> tf.data.Dataset:
            """Returns the examples of the slot whose turn is the given one after `start_step`, round by round."""
            number = (start_step + turn // local_batch) * batch + shard_index * local_batch + turn % local_batch
            slot, start_round = number % slots, number // slots
            begin = first_block(slot, slots, crops)

            def examples_of(block: tf.Tensor) -> Example:
                first = begin + block * crops
                numbers = first_example + tf.range(first, first + crops) * slots + slot
                random_ints = tf.map_fn(random_ints_of, numbers)
                blurry, sharp = read(choose(first_example + block * slots + slot), random_ints[:different])

                def example(k: tf.Tensor) -> Example:
                    return augmented(numbers[k], blurry[k % different], sharp[k % different], random_ints[k])

                used = tf.range(tf.maximum(start_round - first, 0), crops)
                return tf.map_fn(example, used, fn_output_signature=(tf.int64, blurry.dtype, sharp.dtype))

            blocks = tf.data.Dataset.range((start_round - begin) // crops, np.iinfo(np.int64).max)
            return blocks.map(examples_of).unbatch()

        turns = slots // num_shards
        examples = tf.data.Dataset.range(turns).interleave(
            examples_of_slot, cycle_length=turns, num_parallel_calls=min(_FETCHES, turns), deterministic=True
        )
        return examples.take(-1 if steps is None else steps * local_batch)

    return _batched(block_examples() if _has_graph_source(source) else single_examples(), emitted, drop_remainder=True)


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

    def example(index: tf.Tensor) -> Example:
        return index, *center_crop(*read(index), crop)

    chosen = tf.data.Dataset.from_tensor_slices(np.arange(count, dtype=np.int64) * len(source) // count)
    return _batched(chosen.map(example, tf.data.AUTOTUNE, deterministic=True), batch, drop_remainder=False)


def _index_function(source: PairSource, seed: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from an example's number, int64 [], to the index of its pair."""
    if isinstance(source, Mixture):
        return lambda number: mixed_index(number, source.counts, source.weights, seed)
    return lambda number: shuffled_index(number, len(source), seed)


def _has_graph_source(source: PairSource) -> bool:
    return any(isinstance(each, GraphSource) for each in (source.sources if isinstance(source, Mixture) else [source]))


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


def _crops_reader(source: PairSource, crop: int) -> Callable[[tf.Tensor, tf.Tensor], Pair]:
    """Returns a function for tf.data from a pair's index and the random numbers of n examples to n crops.

    Returns:
      A function (index: int64 [], random_ints: int64 [n, 3]) → (blurry, sharp), [n, crop, crop, 3] of the source's type.
    """
    if isinstance(source, Mixture):
        return _mixed([_crops_reader(each, crop) for each in source.sources], source)
    dtype = tf.as_dtype(dtype_of(source))
    if isinstance(source, (GraphSource, InMemory)):
        whole = _reader(source)

        def cut(index: tf.Tensor, random_ints: tf.Tensor) -> Pair:
            pair = whole(index)
            return tf.map_fn(lambda ints: random_crop(*pair, crop, ints[:2]), random_ints, fn_output_signature=(dtype, dtype))

        return cut
    load = for_tf_data(lambda index, random_ints: load_crops(source, int(index), crop, random_ints))

    def read(index: tf.Tensor, random_ints: tf.Tensor) -> Pair:
        crops = tf.numpy_function(load, [index, random_ints], (dtype, dtype), stateful=False)
        return tuple(tf.ensure_shape(images, [None, crop, crop, 3]) for images in crops)

    return read


def _mixed(readers: list[Callable[..., Pair]], mixture: Mixture) -> Callable[..., Pair]:
    """Returns a function that reads from the source to which the index, its first argument, belongs."""

    def read(index: tf.Tensor, *arguments: tf.Tensor) -> Pair:
        def read_part(part: int) -> Pair:
            return tuple(_to_dtype(image, mixture.dtype) for image in readers[part](index - mixture.starts[part], *arguments))

        part = tf.searchsorted(tf.constant(mixture.starts, tf.int64), index[None], side="right")[0] - 1
        return tf.switch_case(part, [functools.partial(read_part, k) for k in range(len(readers))])

    return read


def _to_dtype(image: tf.Tensor, dtype: np.dtype) -> tf.Tensor:
    """Converts 8 to 16 bits if needed, as `image_files.to_dtype`."""
    return image if image.dtype == dtype else tf.cast(image, dtype) * 257


def _reader(source: PairSource) -> Callable[[tf.Tensor], Pair]:
    """Returns a function for tf.data from an index, int64 [], to the pair (blurry, sharp), [H, W, 3] of the source's type."""
    if isinstance(source, InMemory):
        with tf.device("CPU"):
            blurry, sharp = tf.constant(source.blurry), tf.constant(source.sharp)
        return lambda index: (tf.gather(blurry, index), tf.gather(sharp, index))
    if isinstance(source, GraphSource):
        return source.fetch
    if isinstance(source, Mixture):
        return _mixed([_reader(each) for each in source.sources], source)
    load, dtype = for_tf_data(lambda index: source.load(int(index))), tf.as_dtype(dtype_of(source))

    def read(index: tf.Tensor) -> Pair:
        pair = tf.numpy_function(load, [index], (dtype, dtype), stateful=False)
        return tuple(tf.ensure_shape(image, [None, None, 3]) for image in pair)

    return read


def _batched(examples: tf.data.Dataset, batch: int, drop_remainder: bool) -> tf.data.Dataset:
    def in_range(number: tf.Tensor, blurry: tf.Tensor, sharp: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"blurry": to_minus_one_one(blurry), "sharp": to_minus_one_one(sharp), "index": number}

    options = tf.data.Options()
    options.deterministic = True
    # Workers take their parts by `shard_index`, so tf.distribute must not divide them again.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return examples.batch(batch, drop_remainder=drop_remainder).map(in_range).prefetch(tf.data.AUTOTUNE).with_options(options)
