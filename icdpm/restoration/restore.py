"""Restores one picture with a trained model."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import numbers
import os
import warnings

import numpy as np
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.diffusion.tiling import LazyImage, RowStrips, make_tiling, split_rows
from icdpm.errors import IcdpmError
from icdpm.images.color_drift import match_restored
from icdpm.images.pixels import array_to_pixels, pad_to_multiple, pixels_to_array, to_channels, to_levels
from icdpm.images.reading import read_image
from icdpm.models.sampling import sample_in_tiles, unpadded_intermediate_outputs
from icdpm.models.workdir import load
from icdpm.restoration.memory import DEFAULT_MAX_MEMORY, choose_tiling
from icdpm.restoration.result import Restored, RunningMoments, to_intermediate_outputs

# Samples of one picture run together up to this many pixels; more at once is no faster.
PIXELS_AT_ONCE = 512 * 512
# 8-bit steps of a value's unit: values reach from −1 to 1.
_STEPS = 127.5


@contextlib.contextmanager
def _memory_errors():
    """Python's own error where TensorFlow says that memory is exhausted."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError from error


@_memory_errors()
def restore(
    model,
    image,
    settings,
    *,
    seed=0,
    tile=None,
    margin=None,
    max_memory=DEFAULT_MAX_MEMORY,
    keep_samples=False,
    spread=False,
    keep_intermediate_outputs=False,
    on_step=None,
):
    """Restores a blurry picture: the mean of several sharp samples of it, or one sample.

    The same arguments give the same bytes. Sample i is the same however many are drawn, together or one after the other.

    Args:
      model: a trained model (`icdpm.models.workdir.load`).
      image: uint8 or uint16 [height, width, 3] sRGB, or gray [height, width], of any size.
      settings: of `model.settings`.
      seed: a whole number.
      tile: longest side of the tiles that the network sees at once, in pixels, a multiple of `model.size_multiple`; None: what
        `max_memory` allows, the whole picture if it can be.
      margin: how much of a tile, at least, lies around the pixels that are taken from it, in pixels, rounded up to a multiple
        of `model.size_multiple`; None: `model.tile_overlap`. With `model.receptive_field_radius` the result is that of the
        whole picture; of a system without one tiles are near to it, and a notice says so.
      max_memory: what the process may hold at its peak, in bytes (`icdpm.restoration.memory`). It decides the tiles only
        where `tile` does not.
      keep_samples: whether each sample is wanted.
      spread: whether the samples' standard deviation is wanted; of two samples or more.
      keep_intermediate_outputs: whether pictures of the system's inside are wanted.
      on_step: called after each evaluation of the network with what it was of a step of a sample: a whole number of samples,
        or a fraction where the picture has several tiles. It all adds up to `settings.evaluations`.

    Returns:
      A Restored.

    Raises:
      IcdpmError: the picture does not fit the memory, the tile is not what it should be, one sample's spread is wanted, or
        the model gives numbers that are not finite.
      MemoryError: there is less memory than it takes.
    """
    model.check_process()
    samples = settings.samples
    if spread and samples < 2:
        raise IcdpmError("one sample has no spread; draw two or more")
    report = on_step or (lambda _: None)
    height, width = image.shape[:2]
    plan = model.sampling_schedule(settings)
    picture = LazyImage(pad_to_multiple(image, model.size_multiple))
    at_once = min(samples, max(1, PIXELS_AT_ONCE // (picture.height * picture.width)))
    if tile is None:
        tiling = choose_tiling(
            model,
            image,
            plan,
            margin=_margin(model, margin),
            samples=samples,
            at_once=at_once,
            keep_samples=keep_samples,
            spread=spread,
            max_memory=max_memory,
        )
    else:
        _check_tile(model, tile, margin)
        tiling = make_tiling(
            picture.height,
            picture.width,
            tile,
            _margin(model, margin),
            model.size_multiple,
            blends=model.receptive_field_radius is None,
        )
    notices = ()
    if tiling.count > 1:
        at_once = 1
        if model.receptive_field_radius is None:
            notices = (_parted(model, tiling),)

    conditions = model.encode_condition_in_tiles(picture, tiling, on_tile=lambda: report(0))
    inside = None
    if keep_intermediate_outputs:
        # Conditions that are not maps are those of the whole picture already.
        whole = tf.nest.map_structure(lambda each: each.whole() if isinstance(each, RowStrips) else each, conditions)
        inside = to_intermediate_outputs(unpadded_intermediate_outputs(model, whole, picture.height, height, width), image)
        del whole
    seeds = example_seeds([seed, RandomDomain.RESTORATION], tf.range(samples, dtype=tf.int64))
    moments = RunningMoments(image.shape, spread) if samples > 1 else None
    kept = [np.empty_like(image) for _ in range(samples)] if keep_samples or samples == 1 else None
    for first in range(0, samples, at_once):
        some = seeds[first : first + at_once]
        share = len(some) / tiling.count
        drawn = sample_in_tiles(model, picture, conditions, plan, some, tiling, on_tile=lambda: report(share))  # noqa: B023
        for rows in split_rows(slice(0, height), width):
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
        return Restored(kept[0], samples=kept if keep_samples else None, inside=inside, notices=notices)
    mean = np.empty_like(image)
    for rows in split_rows(slice(0, height), width):
        mean[rows] = to_levels(moments.mean(samples, rows), image.dtype)
    return Restored(mean, moments.deviation(samples, _STEPS) if spread else None, kept, inside, notices)


def _parted(model, tiling):
    return (
        f"restored in {tiling.count} tiles of {tiling.columns[0].stop}×{tiling.rows[0].stop} pixels that fade into each other: "
        f"{model.title} sees all of a picture, and would give this one slightly otherwise as a whole, for which more memory "
        "must be allowed"
    )


def _margin(model, margin):
    """In pixels; None where the system takes no tiles."""
    if model.tile_overlap is None:
        return None
    return model.tile_overlap if margin is None else margin + -margin % model.size_multiple


def _check_tile(model, tile, margin):
    if model.tile_overlap is None:
        raise IcdpmError(f"{model.title} sees all of a picture at once: it takes no tiles")
    factor, margin = model.size_multiple, _margin(model, margin)
    if tile % factor or tile <= 2 * margin:
        raise IcdpmError(f"a tile's side is {tile} pixels; it must be a multiple of {factor} and more than {2 * margin}")


_MOST_SEEDS = 2**63


def restore_any(
    model,
    image,
    preset=None,
    *,
    seed=0,
    match_color=False,
    tile=None,
    max_memory=DEFAULT_MAX_MEMORY,
    spread=False,
    keep_samples=False,
    on_step=None,
    **changes,
):
    """Restores an image file or an array; see `icdpm.models.image_restorer.ImageRestorer.restore` and `.sample`.

    Returns:
      An `icdpm.restoration.result.Restored` whose arrays are of the image's kind.
    """
    settings = model.settings(preset, **changes)
    if preset and (warning := model.sampling_presets[preset].warning):
        warnings.warn(f"preset {preset!r}: {warning}", stacklevel=4)
    if spread and settings.samples < 2:
        raise IcdpmError("one sample has no spread; ask for two or more, as in samples=8")
    if not isinstance(seed, numbers.Integral) or not 0 <= seed < _MOST_SEEDS:
        raise IcdpmError(f"the seed is {seed!r}; it must be a whole number from 0 to 2^63 - 1")
    given = read_image(image).pixels if isinstance(image, (str, os.PathLike)) else image
    pixels = array_to_pixels(given)
    restored = restore(
        model,
        pixels,
        settings,
        seed=seed,
        tile=tile,
        max_memory=max_memory,
        keep_samples=keep_samples,
        spread=spread,
        on_step=on_step,
    )
    if match_color:
        restored = match_restored(pixels, restored)
    samples = restored.samples and [pixels_to_array(sample, given) for sample in restored.samples]
    return dataclasses.replace(restored, pixels=pixels_to_array(restored.pixels, given), samples=samples)


def load_on_devices(workdir, checkpoint="latest"):
    """What restores pictures: the system of a workdir on each GPU of this machine or, without two, where TensorFlow puts it.

    Returns:
      (the system, functions as `icdpm.restoration.restore.restore` without its first argument, one for each device; they may
      run at the same time, and give the same bytes on devices of one kind).
    """
    devices = [device.name for device in tf.config.list_logical_devices("GPU")]
    if len(devices) < 2:
        model = load(workdir, checkpoint)
        return model, [functools.partial(restore, model)]
    return load_on(devices, workdir, checkpoint)


def load_on(devices, workdir, checkpoint="latest"):
    """As `load_on_devices`, on the devices of these names."""
    models = []
    for device in devices:
        with tf.device(device):
            models.append(load(workdir, checkpoint))
    return models[0], [functools.partial(_restore_on, *each) for each in zip(devices, models)]


def _restore_on(device, model, image, settings, **options):
    with tf.device(device):
        return restore(model, image, settings, **options)
