"""The sampling loop of any model: for whole images, in a graph, and tile by tile."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from icdpm.diffusion.random import sampling_noise
from icdpm.diffusion.samplers import SamplingSchedule
from icdpm.diffusion.sampling_loops import run_sampling_loop, run_sampling_loop_in_graph, run_sampling_loop_in_tiles
from icdpm.diffusion.tiling import LazyImage, RowStrips, Tiling, scale_slice

if typing.TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer


def sample(
    model: ImageRestorer,
    blurry: tf.Tensor,
    condition: Any,
    schedule: SamplingSchedule,
    seeds: tf.Tensor,
    on_evaluation: Callable[[], None] = lambda: None,
    loop: Callable = run_sampling_loop,
) -> tf.Tensor:
    """Runs the sampling loop and returns one restored image for each blurry one.

    Args:
      model: a built `ImageRestorer`.
      blurry: float32 [batch, height, width, 3] in [−1, 1]; height and width divisible by `model.size_multiple`.
      condition: the result of `model.compiled_encode_condition(blurry)`.
      schedule: the result of `model.sampling_schedule`.
      seeds: int64 [batch, 2]; the noise of an image follows from its own seed, independently of the batch.
      on_evaluation: called without arguments after each evaluation of the network.
      loop: `icdpm.diffusion.sampling_loops.run_sampling_loop`; in graphs `run_sampling_loop_in_graph`.

    Returns:
      float32 [batch, height, width, 3] in [−1, 1].
    """
    shape = tf.shape(blurry)[1:]

    def denoise(x, gamma):
        image = model.compiled_denoise(x, blurry, tf.fill([tf.shape(x)[0]], tf.cast(gamma, tf.float32)), condition)
        on_evaluation()
        return image

    def noise(step):
        return sampling_noise(seeds, tf.convert_to_tensor(step), shape, 0, shape[0])

    gamma = tf.cast(schedule.gammas[-1], tf.float32)
    start = model.initial_sample(lambda: noise(schedule.steps), blurry, lambda: condition, gamma)
    return loop(denoise, start, noise, schedule)


def sample_in_graph(
    model: ImageRestorer, blurry: tf.Tensor, condition: Any, schedule: SamplingSchedule, seeds: tf.Tensor
) -> tf.Tensor:
    """Runs `sample` as operations of a graph whose size does not depend on the number of steps."""
    return sample(model, blurry, condition, schedule, seeds, loop=run_sampling_loop_in_graph)


def sample_in_tiles(
    model: ImageRestorer,
    image: LazyImage,
    condition: Any,
    schedule: SamplingSchedule,
    seeds: tf.Tensor,
    tiling: Tiling,
    on_tile: Callable[[], None] = lambda: None,
) -> RowStrips:
    """Runs the sampling loop for a large image, tile by tile within every step.

    Args:
      model: a built `ImageRestorer`.
      image: the blurry image; height and width divisible by `model.size_multiple`.
      condition: the result of `model.encode_condition_in_tiles`.
      schedule: the result of `model.sampling_schedule`.
      seeds: int64 [samples, 2], one for each sample.
      tiling: the tiles, at multiples of `model.size_multiple`.
      on_tile: called without arguments after each evaluation of the network.

    Returns:
      The samples, float32 [samples, height, width, 3] in [−1, 1].
    """
    count = len(seeds)
    shape = [image.height, image.width, 3]

    def noise(step, rows):
        return sampling_noise(seeds, step, shape, rows.start, rows.stop)

    def condition_in(rows, columns=slice(None)):
        def part(tensor):
            return _repeat(tensor.window(rows, columns) if isinstance(tensor, RowStrips) else tensor, count)

        return tf.nest.map_structure(part, condition)

    # The inputs of the last tile are cached: a single tile is prepared once for all steps.
    @functools.lru_cache(maxsize=1)
    def inputs_of(rows, columns):
        return _repeat(image.window(rows.extent, columns.extent), count), condition_in(rows.extent, columns.extent)

    def denoise(x, rows, columns, gamma):
        blurry, tile_condition = inputs_of(rows, columns)
        denoised = model.compiled_denoise(x, blurry, tf.fill([count], tf.cast(gamma, tf.float32)), tile_condition)
        on_tile()
        return denoised[:, rows.core_with_blend_in_window(tiling.blend), columns.core_with_blend_in_window(tiling.blend)]

    def start(rows):
        blurry = _repeat(image.window(rows), count)
        gamma = tf.cast(schedule.gammas[-1], tf.float32)
        return model.initial_sample(lambda: noise(schedule.steps, rows), blurry, lambda: condition_in(rows), gamma)

    return run_sampling_loop_in_tiles(denoise, start, noise, schedule, tiling, model.size_multiple)


def encode_condition_in_tiles(
    model: ImageRestorer, image: LazyImage, tiling: Tiling, on_tile: Callable[[], None] = lambda: None
) -> Any:
    """Computes the condition of a large image tile by tile.

    Args:
      model: a built `ImageRestorer`.
      image: the blurry image; height and width divisible by `model.size_multiple`.
      tiling: its tiles.
      on_tile: called without arguments after each tile.

    Returns:
      The nest of `model.encode_condition`, with maps of the whole image as `RowStrips`.
    """
    if not model.condition_maps:
        return {}
    maps = {number: RowStrips(each[0]) for number, each in enumerate(model.condition_maps) if each is not None}
    for rows in tiling.rows:
        cores = []
        for columns in tiling.columns:
            condition = model.compiled_encode_condition(image.window(rows.extent, columns.extent))
            tensors = tf.nest.flatten(condition)
            cores.append(
                [
                    tensors[number][
                        :, scale_slice(rows.core_in_window, each.scale), scale_slice(columns.core_in_window, each.scale)
                    ]
                    for number, each in maps.items()
                ]
            )
            on_tile()
        for each, row in zip(maps.values(), zip(*cores)):
            each.append(tf.concat(row, axis=2))
    return tf.nest.pack_sequence_as(condition, [maps.get(number, tensor) for number, tensor in enumerate(tensors)])


def unpadded_intermediate_outputs(
    model: ImageRestorer, condition: Any, padded_height: int | tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor
) -> dict[str, tf.Tensor]:
    """Returns `model.intermediate_outputs` without the padding of the images.

    Args:
      model: a built `ImageRestorer`.
      condition: the condition of padded images.
      padded_height: height of the padded images.
      height: height of the images before padding.
      width: width of the images before padding.
    """
    cropped = {}
    for name, values in model.intermediate_outputs(condition).items():
        scale = padded_height // tf.shape(values)[1]
        cropped[name] = values[:, : -(-height // scale), : -(-width // scale)]
    return cropped


def _repeat(images, count):
    """Repeats one image; returns it without a copy if `count` is 1."""
    return images if count == 1 else tf.repeat(images, count, axis=0)
