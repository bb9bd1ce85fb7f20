"""Input pipeline: batches for training and validation from any source of pairs.

Training example n (counted over all steps, epochs and workers) is a pure function of the seed and n: its pair, its crop (or the
earlier example whose crop it repeats), its flip and rotation. A resumed run therefore sees exactly what an uninterrupted one
would have seen, without skipping examples. Each worker reads a contiguous slice of every global batch, so training data do not
depend on the number of workers.

Pairs of recorded sets take long to fetch and decode. Several consecutive crops are therefore cut from each pair
(`order.crops_per_pair`). Nothing but TensorFlow operations is involved, so such a dataset also runs in processes that cannot
import this package: the hosts of a TPU slice, or the workers of tf.data's service.

Images are read when batches are taken. Do that within `tf_data_errors.original_errors`, so that a damaged file raises the
source's own error.
"""

from __future__ import annotations

import dataclasses
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
    shard = _Shard(shard_index, num_shards, batch)
    maker = _ExampleMaker(source, crop, seed, first_example, repeat, augment)
    make = _block_examples if _has_graph_source(source) else _single_examples
    return _batched(make(maker, shard, start_step, steps), emitted, drop_remainder=True)


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


@dataclasses.dataclass(frozen=True)
class _Shard:
    """A worker's part of every global batch.

    Attributes:
      index: index of the shard, from 0.
      count: number of equal shards.
      batch: size of the global batch.
    """

    index: int
    count: int
    batch: int

    @property
    def local_batch(self) -> int:
        """Number of examples of a batch that the worker makes."""
        return self.batch // self.count

    def number(self, local: tf.Tensor) -> tf.Tensor:
        """Converts a number among the worker's own examples, int64, to the number among those of all workers."""
        return local // self.local_batch * self.batch + self.index * self.local_batch + local % self.local_batch


@dataclasses.dataclass(frozen=True)
class _ExampleMaker:
    """The training examples of a run as a function of their numbers. Attributes: see `training_dataset`."""

    source: PairSource
    crop: int
    seed: int
    first_example: int
    repeat: int
    augment: bool

    def pair_index(self, number: tf.Tensor) -> tf.Tensor:
        """Returns the index of the pair of an example, int64 [], from its number."""
        if isinstance(self.source, Mixture):
            return mixed_index(number, self.source.counts, self.source.weights, self.seed)
        return shuffled_index(number, len(self.source), self.seed)

    def random_ints(self, number: tf.Tensor) -> tf.Tensor:
        """Returns random numbers of an example, int64 [3]: two for the position of its crop, one for its flip and rotation."""
        key = tf.random.experimental.stateless_fold_in(tf.constant([self.seed, AUGMENTATION], tf.int64), number)
        random_ints = tf.random.stateless_uniform([3], key, minval=0, maxval=tf.int32.max, dtype=tf.int32)
        return tf.cast(random_ints, tf.int64)

    def augmented(self, number: tf.Tensor, blurry: tf.Tensor, sharp: tf.Tensor, random_ints: tf.Tensor) -> Example:
        """Returns the example of a crop, flipped and rotated if requested."""
        return number, *(random_dihedral(blurry, sharp, random_ints[2]) if self.augment else (blurry, sharp))


def _single_examples(maker: _ExampleMaker, shard: _Shard, start_step: int, steps: int | None) -> tf.data.Dataset:
    """Makes a worker's examples, each of whose crops is read separately."""
    read = _crop_reader(maker.source, maker.crop, shard.local_batch * crops_to_keep(maker.repeat))

    def read_example(local: tf.Tensor) -> Example:
        number = shard.number(local)
        crop_number = maker.first_example + repeated_number(number, shard.batch, maker.repeat, maker.seed)
        number = maker.first_example + number
        crop = read(maker.pair_index(crop_number), maker.random_ints(crop_number))
        return maker.augmented(number, *crop, maker.random_ints(number))

    end = np.iinfo(np.int64).max if steps is None else (start_step + steps) * shard.local_batch
    numbers = tf.data.Dataset.range(start_step * shard.local_batch, end)
    return numbers.map(read_example, tf.data.AUTOTUNE, deterministic=True)


def _block_examples(maker: _ExampleMaker, shard: _Shard, start_step: int, steps: int | None) -> tf.data.Dataset:
    """Makes a worker's examples in slots, each of which cuts several crops from a pair before it moves to the next."""
    slots, crops = slot_count(shard.batch), crops_per_pair(maker.crop)
    read = _crops_reader(maker.source, maker.crop)

    def examples_of_slot(turn: tf.Tensor) -> tf.data.Dataset:
        """Returns the examples of the slot whose turn is the given one after `start_step`, round by round."""
        number = shard.number(start_step * shard.local_batch + turn)
        slot, start_round = number % slots, number // slots
        begin = first_block(slot, slots, crops)

        def examples_of_block(block: tf.Tensor) -> Example:
            first = begin + block * crops
            return _examples_of_pair(maker, read, slots, slot, block, first, tf.maximum(start_round - first, 0))

        blocks = tf.data.Dataset.range((start_round - begin) // crops, np.iinfo(np.int64).max)
        return blocks.map(examples_of_block).unbatch()

    turns = slots // shard.count
    examples = tf.data.Dataset.range(turns).interleave(
        examples_of_slot, cycle_length=turns, num_parallel_calls=min(_FETCHES, turns), deterministic=True
    )
    return examples.take(-1 if steps is None else steps * shard.local_batch)


def _examples_of_pair(
    maker: _ExampleMaker,
    read: Callable[[tf.Tensor, tf.Tensor], Pair],
    slots: int,
    slot: tf.Tensor,
    block: tf.Tensor,
    first_round: tf.Tensor,
    skipped: tf.Tensor,
) -> Example:
    """Returns the examples that a slot makes of one pair, stacked along the first axis.

    Args:
      maker: the examples of the run.
      read: a function of `_crops_reader`.
      slots: number of slots.
      slot: number of the slot, int64.
      block: number of the pair among those of the slot, int64.
      first_round: round of the slots in which the first of these examples is made, int64.
      skipped: number of examples to leave out, since they belong to steps before the first one; int64.
    """
    crops = crops_per_pair(maker.crop)
    different = -(-crops // maker.repeat)
    numbers = maker.first_example + tf.range(first_round, first_round + crops) * slots + slot
    random_ints = tf.map_fn(maker.random_ints, numbers)
    blurry, sharp = read(maker.pair_index(maker.first_example + block * slots + slot), random_ints[:different])

    def example(k: tf.Tensor) -> Example:
        return maker.augmented(numbers[k], blurry[k % different], sharp[k % different], random_ints[k])

    return tf.map_fn(example, tf.range(skipped, crops), fn_output_signature=(tf.int64, blurry.dtype, sharp.dtype))


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
