"""The sampling loop of any model: at once, in a graph, and tile by tile."""

import functools

import tensorflow as tf

from icdpm.diffusion.random import sampling_noise
from icdpm.diffusion.sampling_loops import run_sampling_loop, run_sampling_loop_in_graph, run_sampling_loop_in_tiles
from icdpm.diffusion.tiling import RowStrips, scale_slice


def sample(model, blurry, conditions, plan, seeds, on_evaluation=lambda: None, loop=run_sampling_loop):
    """Runs the sampling loop and returns one sharp image for each blurry one.

    Args:
      model: a built `ImageRestorer`.
      blurry: float32 [batch, height, width, 3] in [−1, 1]; height and width divisible by `model.size_multiple`.
      conditions: the result of `model.compiled_encode_condition(blurry)`.
      plan: the result of `model.sampling_schedule`.
      seeds: int64 [batch, 2]; the noise of an image follows from its own seed, independently of the batch.
      on_evaluation: function without arguments that is called after each evaluation of the network.
      loop: `icdpm.diffusion.sampling_loops.run_sampling_loop`, or in graphs `run_sampling_loop_in_graph`.

    Returns:
      float32 [batch, height, width, 3] in [−1, 1].
    """
    shape = tf.shape(blurry)[1:]

    def denoise(x, gamma):
        image = model.compiled_denoise(x, blurry, tf.fill([tf.shape(x)[0]], tf.cast(gamma, tf.float32)), conditions)
        on_evaluation()
        return image

    def noise(step):
        return sampling_noise(seeds, tf.convert_to_tensor(step), shape, 0, shape[0])

    gamma = tf.cast(plan.gammas[-1], tf.float32)
    start = model.start(lambda: noise(plan.steps), blurry, lambda: conditions, gamma)
    return loop(denoise, start, noise, plan)


def sample_in_graph(model, blurry, conditions, plan, seeds):
    """Runs `sample` as operations of a graph that does not grow with the steps of the plan."""
    return sample(model, blurry, conditions, plan, seeds, loop=run_sampling_loop_in_graph)


def sample_in_tiles(model, picture, conditions, plan, seeds, tiling, on_tile=lambda: None):
    """Runs the sampling loop for a large image, tile by tile within every step.

    Args:
      model: a built `ImageRestorer`.
      picture: an `icdpm.diffusion.tiling.LazyImage`; height and width divisible by `model.size_multiple`.
      conditions: the result of `model.encode_condition_in_tiles`.
      plan: the result of `model.sampling_schedule`.
      seeds: int64 [samples, 2], one for each sample.
      tiling: an `icdpm.diffusion.tiling.Tiling` of the image, at multiples of `model.size_multiple`.
      on_tile: function without arguments that is called after each evaluation of the network.

    Returns:
      The samples, float32 in [−1, 1], as RowStrips.
    """
    count = len(seeds)
    shape = [picture.height, picture.width, 3]

    def noise(step, rows):
        return sampling_noise(seeds, step, shape, rows.start, rows.stop)

    def conditions_at(rows, columns=slice(None)):
        def part(condition):
            return _repeated(condition.window(rows, columns) if isinstance(condition, RowStrips) else condition, count)

        return tf.nest.map_structure(part, conditions)

    # The last tile's is kept: where there is one tile, it is made once.
    @functools.lru_cache(maxsize=1)
    def inputs_at(rows, columns):
        return _repeated(picture.window(rows.extent, columns.extent), count), conditions_at(rows.extent, columns.extent)

    def denoise(x, rows, columns, gamma):
        blurry, tile_conditions = inputs_at(rows, columns)
        image = model.compiled_denoise(x, blurry, tf.fill([count], tf.cast(gamma, tf.float32)), tile_conditions)
        on_tile()
        return image[:, rows.core_with_blend_in_window(tiling.blend), columns.core_with_blend_in_window(tiling.blend)]

    def start(rows):
        blurry = _repeated(picture.window(rows), count)
        gamma = tf.cast(plan.gammas[-1], tf.float32)
        return model.start(lambda: noise(plan.steps, rows), blurry, lambda: conditions_at(rows), gamma)

    return run_sampling_loop_in_tiles(denoise, start, noise, plan, tiling, model.size_multiple)


def encode_condition_in_tiles(model, picture, tiling, on_tile=lambda: None):
    """Computes the conditions of a large image tile by tile.

    Args:
      model: a built `ImageRestorer`.
      picture: an `icdpm.diffusion.tiling.LazyImage`; height and width divisible by `model.size_multiple`.
      tiling: an `icdpm.diffusion.tiling.Tiling` of it.
      on_tile: function without arguments that is called after each tile.

    Returns:
      The nest of `model.encode_condition`, with RowStrips of the whole image in place of maps.
    """
    if not model.condition_maps:
        return {}
    maps = {number: RowStrips(each[0]) for number, each in enumerate(model.condition_maps) if each is not None}
    for rows in tiling.rows:
        cores = []
        for columns in tiling.columns:
            conditions = model.compiled_encode_condition(picture.window(rows.extent, columns.extent))
            values = tf.nest.flatten(conditions)
            cores.append(
                [
                    values[number][
                        :, scale_slice(rows.core_in_window, each.scale), scale_slice(columns.core_in_window, each.scale)
                    ]
                    for number, each in maps.items()
                ]
            )
            on_tile()
        for each, row in zip(maps.values(), zip(*cores)):
            each.append(tf.concat(row, axis=2))
    return tf.nest.pack_sequence_as(conditions, [maps.get(number, value) for number, value in enumerate(values)])


def unpadded_intermediate_outputs(model, conditions, padded, height, width):
    """Returns `model.intermediate_outputs` without what images were padded by.

    Args:
      model: a built `ImageRestorer`.
      conditions: those of padded images.
      padded: the height of the padded images.
      height, width: the size of the images before padding.
    """
    pictures = {}
    for name, values in model.intermediate_outputs(conditions).items():
        scale = padded // tf.shape(values)[1]
        pictures[name] = values[:, : -(-height // scale), : -(-width // scale)]
    return pictures


def _repeated(images, count):
    """`count` times one image; without a copy where once is enough."""
    return images if count == 1 else tf.repeat(images, count, axis=0)
