"""How any system draws sharp images: at once, in a graph, and tile by tile."""

import functools

import tensorflow as tf

from icdpm.diffusion.loops import follow, follow_in_graph, follow_in_tiles
from icdpm.diffusion.random import sampling_noise
from icdpm.tiles.strips import Strips
from icdpm.tiles.windows import scaled


class Drawing:
    """It knows of a system its `conditions`, with what `start`s a drawing, and what one evaluation `denoise`s.

    Images are float32 [batch, height, width, 3] in [−1, 1]; height and width divisible by `factor`.
    """

    def pictures_of_size(self, conditions, padded, height, width):
        """`pictures` without what images were padded by.

        Args:
          conditions: of padded images, of `padded` rows.
          height, width: of the images without it.
        """
        pictures = {}
        for name, values in self.pictures(conditions).items():
            scale = padded // tf.shape(values)[1]
            pictures[name] = values[:, : -(-height // scale), : -(-width // scale)]
        return pictures

    def draw(self, blurry, conditions, plan, seeds, on_evaluation=lambda: None, walk=follow):
        """Draws one sharp image for each blurry one.

        Args:
          blurry: the blurry images.
          conditions: of `compiled_conditions(blurry)`.
          plan: of `plan`.
          seeds: int64 [batch, 2]; what is drawn for an image follows from its own seed, whatever else is in the batch.
          on_evaluation: called without arguments after each evaluation of the network.
          walk: what walks down the plan: `icdpm.diffusion.loops.follow`, or in graphs `follow_in_graph`.

        Returns:
          float32, of blurry's shape, in [−1, 1].
        """
        shape = tf.shape(blurry)[1:]

        def denoise(x, gamma):
            image = self.compiled_denoise(x, blurry, tf.fill([tf.shape(x)[0]], tf.cast(gamma, tf.float32)), conditions)
            on_evaluation()
            return image

        def noise(step):
            return sampling_noise(seeds, tf.convert_to_tensor(step), shape, 0, shape[0])

        gamma = tf.cast(plan.gammas[-1], tf.float32)
        start = self.start(lambda: noise(plan.steps), blurry, lambda: conditions, gamma)
        return walk(denoise, start, noise, plan)

    def draw_in_graph(self, blurry, conditions, plan, seeds):
        """`draw` as operations of a graph that does not grow with the plan's steps."""
        return self.draw(blurry, conditions, plan, seeds, walk=follow_in_graph)

    def conditions_in_tiles(self, picture, tiling, on_tile=lambda: None):
        """`conditions` of a large picture, tile by tile.

        Args:
          picture: an `icdpm.tiles.picture.Picture`; height and width divisible by `factor`.
          tiling: an `icdpm.tiles.windows.Tiling` of it.
          on_tile: called without arguments after each tile.

        Returns:
          The nest of `conditions`, with Strips of the whole picture in place of maps.
        """
        if not self._condition_maps:
            return {}
        maps = {number: Strips(each[0]) for number, each in enumerate(self._condition_maps) if each is not None}
        for rows in tiling.rows:
            cores = []
            for columns in tiling.columns:
                told = self.compiled_conditions(picture.window(rows.whole, columns.whole))
                values = tf.nest.flatten(told)
                cores.append(
                    [
                        values[number][:, scaled(rows.core_within, each.scale), scaled(columns.core_within, each.scale)]
                        for number, each in maps.items()
                    ]
                )
                on_tile()
            for each, row in zip(maps.values(), zip(*cores)):
                each.append(tf.concat(row, axis=2))
        return tf.nest.pack_sequence_as(told, [maps.get(number, value) for number, value in enumerate(values)])

    def draw_in_tiles(self, picture, conditions, plan, seeds, tiling, on_tile=lambda: None):
        """`draw` for a large picture, tile by tile within every step.

        Args:
          picture: an `icdpm.tiles.picture.Picture`; height and width divisible by `factor`.
          conditions: of `conditions_in_tiles`.
          plan: of `plan`.
          seeds: int64 [samples, 2], one for each sample that is drawn.
          tiling: an `icdpm.tiles.windows.Tiling` of the picture, at multiples of `factor`.
          on_tile: called without arguments after each evaluation of the network.

        Returns:
          The samples, float32 in [−1, 1], as Strips.
        """
        count = len(seeds)
        shape = [picture.height, picture.width, 3]

        def noise(step, rows):
            return sampling_noise(seeds, step, shape, rows.start, rows.stop)

        def told(rows, columns=slice(None)):
            def part(condition):
                return _repeated(condition.window(rows, columns) if isinstance(condition, Strips) else condition, count)

            return tf.nest.map_structure(part, conditions)

        # The last tile's is kept: where there is one tile, it is made once.
        @functools.lru_cache(maxsize=1)
        def given(rows, columns):
            return _repeated(picture.window(rows.whole, columns.whole), count), told(rows.whole, columns.whole)

        def denoise(x, rows, columns, gamma):
            blurry, its_conditions = given(rows, columns)
            image = self.compiled_denoise(x, blurry, tf.fill([count], tf.cast(gamma, tf.float32)), its_conditions)
            on_tile()
            return image[:, _within(rows, tiling.fade), _within(columns, tiling.fade)]

        def start(rows):
            blurry = _repeated(picture.window(rows), count)
            gamma = tf.cast(plan.gammas[-1], tf.float32)
            return self.start(lambda: noise(plan.steps, rows), blurry, lambda: told(rows), gamma)

        return follow_in_tiles(denoise, start, noise, plan, tiling, self.factor)


def _within(window, fade):
    """What of a window's answer counts, as a slice of it."""
    faded = window.faded(fade)
    return slice(faded.start - window.start, faded.stop - window.start)


def _repeated(images, count):
    """`count` times one image; without a copy where once is enough."""
    return images if count == 1 else tf.repeat(images, count, axis=0)
