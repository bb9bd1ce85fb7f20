"""Every step of a sampler over tiles of one picture, whose state and noise they share.

A tile is given the network with a margin around it, and only its core counts. So all steps see the picture whole, and what
the margin lacks of the network's reach is the only difference from sampling the picture at once.
"""

from __future__ import annotations

import dataclasses
import functools

import tensorflow as tf

from icdpm.diffusion.samplers import advance
from icdpm.restoration.values import to_values
from icdpm.systems.icdpm import sampling_noise
from icdpm.tiles.strips import Strips, strip_rows
from icdpm.tiles.windows import Window, cover


@dataclasses.dataclass(frozen=True)
class Tiling:
    """How a picture is divided.

    Attributes:
      rows, columns: windows along its sides; each pair of them is a tile.
    """

    rows: list[Window]
    columns: list[Window]

    @property
    def count(self):
        """The number of tiles."""
        return len(self.rows) * len(self.columns)

    @property
    def longest(self):
        """The longest side of a tile."""
        return max(self.rows[0].stop, self.columns[0].stop)


def divide(height, width, tile, margin, factor=1):
    """The Tiling of a picture into tiles of at most `tile`×`tile` pixels, margins included."""
    return Tiling(cover(height, tile, margin, factor), cover(width, tile, margin, factor))


def guide_tiles(system, pixels, tile, on_tile=lambda: None):
    """`ICDPM.guide` of a picture, tile by tile. Margins are exact: at low resolution they cost little.

    Args:
      system: a trained system.
      pixels: the picture; height and width divisible by `system.factor`.
      tile: the longest side of a tile, in pixels of the picture.
      on_tile: called without arguments after each tile.

    Returns:
      {k: (features, regression), each as Strips of the whole picture at 1/2^k}.
    """
    height, width = pixels.shape[:2]
    structures = {}
    for rows in strip_rows(slice(0, height // system.factor), width * system.factor):
        values = to_values(pixels[rows.start * system.factor : rows.stop * system.factor])[None]
        for k, structure in system.compiled_structure(values).items():
            structures.setdefault(k, []).append(structure)
    guidance = {}
    for k in list(structures):
        network, structure = system.guidance_networks[k], tf.concat(structures.pop(k), axis=1)
        tiling = divide(*structure.shape[1:3], max(tile // 2, 4 * network.reach), network.reach)
        guidance[k] = (Strips(), Strips())
        for rows in tiling.rows:
            cores = []
            for columns in tiling.columns:
                outputs = system.compiled_guidance_networks[k](
                    structure[:, rows.start : rows.stop, columns.start : columns.stop]
                )
                cores.append([output[:, rows.core_within, columns.core_within] for output in outputs])
                on_tile()
            for strips, row in zip(guidance[k], zip(*cores)):
                strips.append(tf.concat(row, axis=2))
    return guidance


def sample_tiles(system, pixels, guidance, plan, seeds, tiling, on_tile=lambda: None):
    """`ICDPM.sample` of one picture, tile by tile within every step.

    Args:
      system: a trained system.
      pixels: the blurry picture; height and width divisible by `system.factor`.
      guidance: of `guide_tiles`.
      plan: the steps of a sampler.
      seeds: int64 [samples, 2], one for each sample that is drawn.
      tiling: of `divide`, with the system's factor.
      on_tile: called without arguments after each evaluation of the network.

    Returns:
      The samples, float32 in [−1, 1], as Strips.
    """
    height, width = pixels.shape[:2]
    count = len(seeds)

    def noise(step, rows):
        return sampling_noise(seeds, step, [height, width, 3], rows.start, rows.stop)

    # The last tile's is kept: where there is one tile, it is made once.
    @functools.lru_cache(maxsize=1)
    def conditions(rows, columns):
        """What the denoiser is told in a window besides x: (blurry, guidance)."""
        blurry = to_values(pixels[rows.start : rows.stop, columns.start : columns.stop])[None]
        told = {}
        for k, parts in guidance.items():
            windows = [slice(side.start >> int(k), side.stop >> int(k)) for side in (rows, columns)]
            told[k] = tuple(_repeated(part.window(*windows), count) for part in parts)
        return _repeated(blurry, count), told

    def denoise(x, rows, columns, gamma):
        """x̂ in a tile's core."""
        window = x.window(slice(rows.start, rows.stop), slice(columns.start, columns.stop))
        blurry, told = conditions(rows, columns)
        denoised = system.compiled_denoise(window, blurry, tf.fill([count], gamma), told)
        on_tile()
        return denoised[:, rows.core_within, columns.core_within]

    gammas = tf.cast(plan.gammas, tf.float32)
    x, previous = Strips(), Strips()
    for rows in tiling.rows:
        for strip in strip_rows(rows.core, width):
            blurry = _repeated(to_values(pixels[strip])[None], count)
            x.append(system.parametrisation.start(noise(plan.steps, strip), blurry, gammas[-1]))
    for t in range(plan.steps, 0, -1):
        following, kept = Strips(), Strips()
        is_kept = t > 1 and bool(plan.weights[t - 2][2] != 0)
        below = [window.start for window in tiling.rows[1:]] + [height]
        for rows, next_start in zip(tiling.rows, below):
            cores = [denoise(x, rows, columns, gammas[t]) for columns in tiling.columns]
            for strip in strip_rows(rows.core, width):
                inner = slice(strip.start - rows.first, strip.stop - rows.first)
                denoised = tf.concat([core[:, inner] for core in cores], axis=2)
                following.append(
                    advance(
                        plan.weights[t - 1],
                        x.window(strip),
                        denoised,
                        lambda: previous.window(strip),  # noqa: B023
                        lambda: noise(t - 1, strip),  # noqa: B023
                    )
                )
                if is_kept:
                    kept.append(denoised)
                previous.drop_above(strip.stop)
                x.drop_above(min(strip.stop, next_start))
        x, previous = following, kept
    return x


def _repeated(images, count):
    """`count` times one image; without a copy where once is enough."""
    return images if count == 1 else tf.repeat(images, count, axis=0)
