"""Restores one picture with a trained system."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from icdpm.diffusion.random import example_seeds
from icdpm.errors import IcdpmError
from icdpm.restoration.memory import DEFAULT_MAX_MEMORY, choose_tiling
from icdpm.restoration.moments import Moments
from icdpm.restoration.padding import pad_to_multiple
from icdpm.restoration.regressions import to_regression
from icdpm.restoration.restored import Restored
from icdpm.restoration.tiling import divide, guide_tiles, sample_tiles
from icdpm.restoration.values import to_channels, to_levels
from icdpm.tiles.strips import strip_rows

# Samples of one picture run together up to this many pixels; more at once is no faster.
PIXELS_AT_ONCE = 512 * 512
# 8-bit steps of a value's unit: values reach from −1 to 1.
_STEPS = 127.5


def restore(
    system,
    image,
    settings,
    *,
    seed=0,
    tile=None,
    margin=None,
    max_memory=DEFAULT_MAX_MEMORY,
    keep_samples=False,
    spread=False,
    keep_regressions=False,
    on_step=None,
):
    """Restores a blurry picture: the mean of several sharp samples of it, or one sample.

    The same arguments give the same bytes. Sample i is the same however many are drawn, together or one after the other.

    Args:
      system: a trained system (`icdpm.systems.workdir.load`).
      image: uint8 or uint16 [height, width, 3] sRGB, or gray [height, width], of any size.
      settings: a Settings.
      seed: a whole number.
      tile: longest side of the tiles that the network sees at once, in pixels, a multiple of `system.factor`; None: what
        `max_memory` allows, the whole picture if it can be.
      margin: how much of a tile, at least, lies around the pixels that are taken from it, in pixels, rounded up to a multiple
        of `system.factor`; None: `default_margin`. With `system.reach` the result is that of the whole picture.
      max_memory: what the process may hold at its peak, in bytes (`icdpm.restoration.memory`). It decides the tiles only
        where `tile` does not.
      keep_samples: whether each sample is wanted.
      spread: whether the samples' standard deviation is wanted; of two samples or more.
      keep_regressions: whether what the guidance networks regress is wanted.
      on_step: called after each evaluation of the network with what it was of a step of a sample: a whole number of samples,
        or a fraction where the picture has several tiles. It all adds up to steps × samples.

    Returns:
      A Restored.

    Raises:
      IcdpmError: the picture does not fit the memory, the tile is not what it should be, one sample's spread is wanted, or
        the model gives numbers that are not finite.
    """
    samples = settings.samples
    if spread and samples < 2:
        raise IcdpmError("one sample has no spread; draw two or more")
    report = on_step or (lambda _: None)
    plan = settings.plan()
    height, width = image.shape[:2]
    pixels = pad_to_multiple(image, system.factor)
    margin = default_margin(system) if margin is None else margin + -margin % system.factor
    at_once = min(samples, max(1, PIXELS_AT_ONCE // (pixels.shape[0] * pixels.shape[1])))
    if tile is None:
        tiling = choose_tiling(
            system,
            image,
            plan,
            margin=margin,
            samples=samples,
            at_once=at_once,
            keep_samples=keep_samples,
            spread=spread,
            max_memory=max_memory,
        )
    else:
        _check_tile(tile, margin, system.factor)
        tiling = divide(*pixels.shape[:2], tile, margin, system.factor)
    if tiling.count > 1:
        at_once = 1

    guidance = guide_tiles(system, pixels, tiling.longest, on_tile=lambda: report(0))
    regressions = None
    if keep_regressions:
        everything = slice(0, max(height, width))
        regressions = {
            k: to_regression(np.asarray(guidance[str(k)][1].window(everything, everything)[0]), k, image)
            for k in sorted(map(int, guidance))
        }
    seeds = example_seeds([seed, 3], tf.range(samples, dtype=tf.int64))
    moments = Moments(image.shape, spread) if samples > 1 else None
    kept = [np.empty_like(image) for _ in range(samples)] if keep_samples or samples == 1 else None
    for first in range(0, samples, at_once):
        some = seeds[first : first + at_once]
        share = len(some) / tiling.count
        drawn = sample_tiles(system, pixels, guidance, plan, some, tiling, on_tile=lambda: report(share))  # noqa: B023
        for rows in strip_rows(slice(0, height), width):
            for number, values in enumerate(np.asarray(drawn.window(rows, slice(0, width))), first):
                if not np.isfinite(values).all():
                    raise IcdpmError("the model gives numbers that are not finite for this picture: its training has diverged")
                values = to_channels(values, image)
                if kept:
                    kept[number][rows] = to_levels(values, image.dtype)
                if moments:
                    moments.add(number, rows, values)
            drawn.drop_above(rows.stop)
    if not moments:
        return Restored(kept[0], samples=kept if keep_samples else None, regressions=regressions)
    mean = np.empty_like(image)
    for rows in strip_rows(slice(0, height), width):
        mean[rows] = to_levels(moments.mean(samples, rows), image.dtype)
    return Restored(mean, moments.deviation(samples, _STEPS) if spread else None, kept, regressions)


def default_margin(system):
    """The margin of tiles, in pixels, where nothing else is said: a fifth of the network's reach.

    What lies farther away has so little influence that tiles differ from the whole picture by a few hundredths of an 8-bit
    step on the mean, less than the rounding of bfloat16 makes (results/tiles.md).
    """
    return math.ceil(system.reach / (5 * system.factor)) * system.factor


def _check_tile(tile, margin, factor):
    if tile % factor or tile <= 2 * margin:
        raise IcdpmError(f"a tile's side is {tile} pixels; it must be a multiple of {factor} and more than {2 * margin}")
