"""Restores one image with one model: the sampling loop over tiles, several samples and their mean."""

from __future__ import annotations

import contextlib
import functools
import numbers
import os
import typing
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import PIL.Image
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.diffusion.tiling import LazyImage, RowStrips, Tiling, make_tiling, split_rows
from icdpm.errors import IcdpmError
from icdpm.images.hidden_pixels import fill_hidden
from icdpm.images.pixels import array_to_pixels, pad_to_multiple, pixels_to_array, to_channels, to_levels
from icdpm.images.reading import read_image, read_pillow
from icdpm.models.sampling import sample_in_tiles, unpadded_intermediate_outputs
from icdpm.models.workdir import load
from icdpm.restoration.memory import DEFAULT_MAX_MEMORY, choose_tiling
from icdpm.restoration.result import Restored, RunningMoments, to_intermediate_outputs

if typing.TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer
    from icdpm.models.settings import Settings

# Samples of an image run together up to this number of pixels; more together is no faster.
PIXELS_AT_ONCE = 512 * 512
# Gray levels (0–255) per unit of values, which lie in [−1, 1].
_LEVELS_PER_UNIT = 127.5
_MAX_SEED = 2**63


@contextlib.contextmanager
def _memory_errors():
    """Turns TensorFlow's error of exhausted memory into Python's."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError from error


@_memory_errors()
def restore(
    model: ImageRestorer,
    image: np.ndarray,
    settings: Settings,
    *,
    seed: int = 0,
    tile: int | None = None,
    overlap: int | None = None,
    max_memory: float = DEFAULT_MAX_MEMORY,
    keep_samples: bool = False,
    spread: bool = False,
    keep_intermediate_outputs: bool = False,
    on_step: Callable[[float], object] | None = None,
) -> Restored:
    """Restores a blurry image: draws sharp samples and returns their mean, or the sample if there is one.

    Equal arguments give equal bytes. Sample i does not depend on the number of samples, nor on which of them run together.

    Args:
      model: trained model (`icdpm.models.workdir.load`).
      image: uint8 or uint16 [height, width, 3] sRGB, or gray [height, width], of any size.
      settings: sampling settings of `model.settings`.
      seed: seed of the samples, an integer from 0 to 2^63 − 1.
      tile: longest side of the tiles that the network processes at once, in pixels, a multiple of `model.size_multiple`. By
        default the largest one within `max_memory`, if possible the whole image.
      overlap: smallest distance in pixels between the used part of a tile and the tile's edges within the image, rounded up to
        a multiple of `model.size_multiple`; `model.tile_overlap` by default. It is the overlap per side: neighboring tiles
        share twice as many pixels. With `model.receptive_field_radius` the result equals that of the whole image. Tiles of a
        model whose receptive field is global are approximate and blended, and a notice states so.
      max_memory: target for the host memory of the process, in bytes (`icdpm.restoration.memory`). Only used if `tile` is
        `None`.
      keep_samples: whether to return the samples.
      spread: whether to return the samples' standard deviation; needs at least two samples.
      keep_intermediate_outputs: whether to return the model's intermediate outputs.
      on_step: function that is called after each evaluation of the network with the number of samples it advanced by a step, a
        fraction if the image has several tiles. The numbers sum to `settings.evaluations`.

    Returns:
      The result.

    Raises:
      IcdpmError: the image exceeds the memory limit, the tile's size is invalid, the spread of one sample is requested, or the
        model's output is not finite.
      MemoryError: the machine has too little memory.
    """
    model.check_process()
    samples = settings.samples
    if spread and samples < 2:
        raise IcdpmError("one sample has no spread; use two or more, as in samples=8")

    def report(count: float) -> None:
        if on_step is not None:
            on_step(count)

    height, width = image.shape[:2]
    schedule = model.sampling_schedule(settings)
    padded = LazyImage(pad_to_multiple(image, model.size_multiple))
    at_once = min(samples, max(1, PIXELS_AT_ONCE // (padded.height * padded.width)))
    overlap = _round_overlap(model, overlap)
    if tile is None:
        tiling = choose_tiling(
            model,
            image,
            schedule,
            overlap=overlap,
            samples=samples,
            at_once=at_once,
            keep_samples=keep_samples,
            spread=spread,
            max_memory=max_memory,
        )
    else:
        _check_tile(model, tile, overlap)
        blends = model.receptive_field_radius is None
        tiling = make_tiling(padded.height, padded.width, tile, overlap, model.size_multiple, blends)
    notices: tuple[str, ...] = ()
    if tiling.count > 1:
        at_once = 1
        if model.receptive_field_radius is None:
            notices = (_describe_blending(model, tiling),)

    condition = model.encode_condition_in_tiles(padded, tiling, on_tile=lambda: report(0))
    outputs = _whole_intermediate_outputs(model, condition, padded, image) if keep_intermediate_outputs else None
    moments = RunningMoments(image.shape, spread) if samples > 1 else None
    kept = [np.empty_like(image) for _ in range(samples)] if keep_samples or samples == 1 else []
    seeds = example_seeds([seed, RandomDomain.RESTORATION], tf.range(samples, dtype=tf.int64))
    for first in range(0, samples, at_once):
        chunk = seeds[first : first + at_once]
        on_tile = functools.partial(report, len(chunk) / tiling.count)
        sampled = sample_in_tiles(model, padded, condition, schedule, chunk, tiling, on_tile)
        _collect_samples(sampled, first, image, kept, moments)
    if not moments:
        return Restored(kept[0], samples=kept if keep_samples else None, intermediate_outputs=outputs, notices=notices)
    mean = np.empty_like(image)
    for rows in split_rows(slice(0, height), width):
        mean[rows] = to_levels(moments.mean(samples, rows), image.dtype)
    return Restored(mean, moments.deviation(samples, _LEVELS_PER_UNIT) if spread else None, kept or None, outputs, notices)


def _whole_intermediate_outputs(model, condition, padded, image):
    """Returns `Restored.intermediate_outputs` of a condition that was encoded in tiles."""
    # Conditions that are not maps belong to the whole image already.
    whole = tf.nest.map_structure(lambda each: each.whole() if isinstance(each, RowStrips) else each, condition)
    return to_intermediate_outputs(unpadded_intermediate_outputs(model, whole, padded.height, *image.shape[:2]), image)


def _collect_samples(
    sampled: RowStrips, first: int, image: np.ndarray, kept: list[np.ndarray], moments: RunningMoments | None
) -> None:
    """Converts samples to the type of the image, strip by strip, and releases them.

    Args:
      sampled: samples of the padded image.
      first: number of the first of them.
      image: the blurry image.
      kept: arrays that receive all samples; [] if they are not kept.
      moments: moments to add them to, or `None`.

    Raises:
      IcdpmError: a sample is not finite.
    """
    height, width = image.shape[:2]
    for rows in split_rows(slice(0, height), width):
        for number, values in enumerate(np.asarray(sampled.window(rows, slice(0, width))), first):
            if not np.isfinite(values).all():
                raise IcdpmError("the model's output for this image is not finite: its training has diverged")
            values = to_channels(values, image)
            if kept:
                kept[number][rows] = to_levels(values, image.dtype)
            if moments:
                moments.add(number, rows, values)
        sampled.drop_above(rows.stop)


def _describe_blending(model: ImageRestorer, tiling: Tiling) -> str:
    return (
        f"restored in {tiling.count} tiles of {tiling.columns[0].stop}×{tiling.rows[0].stop} pixels that are blended: "
        f"{model.title} models depend on the whole image, and would restore it slightly differently in one piece; that needs a "
        "higher memory limit"
    )


def _round_overlap(model, overlap):
    """Returns the overlap of tiles in pixels, rounded up; `None` if the model does not support tiles."""
    if model.tile_overlap is None:
        return None
    return model.tile_overlap if overlap is None else overlap + -overlap % model.size_multiple


def _check_tile(model, tile, overlap):
    if overlap is None:
        raise IcdpmError(f"{model.title} models process the whole image at once and do not support tiles")
    if not isinstance(tile, numbers.Integral) or tile % model.size_multiple or tile <= 2 * overlap:
        raise IcdpmError(
            f"a tile's side must be a multiple of {model.size_multiple} and more than {2 * overlap} pixels. Received: {tile}"
        )


def restore_file_or_array(
    model: ImageRestorer,
    image: str | os.PathLike | npt.ArrayLike,
    preset: str | None = None,
    *,
    seed: int = 0,
    match_color: bool = False,
    tile: int | None = None,
    max_memory: float = DEFAULT_MAX_MEMORY,
    spread: bool = False,
    keep_samples: bool = False,
    on_step: Callable[[float], object] | None = None,
    **changes: object,
) -> Restored:
    """Restores an image file or an array; implements `ImageRestorer.restore` and `ImageRestorer.sample`.

    Args:
      model: trained model.
      image: path or URL of an image file, a Pillow image, which is converted by its color mode and turned upright as a
        file is, or an array (`icdpm.images.pixels.array_to_pixels`).
      preset: name of one of `model.sampling_presets`, or `None`.
      seed: seed of the samples, an integer from 0 to 2^63 − 1.
      match_color: whether to remove color drift (`icdpm.images.color_drift`).
      tile: longest side of a tile in pixels, see `restore`.
      max_memory: target for the host memory in bytes, see `restore`.
      spread: whether to return the samples' standard deviation; needs at least two samples.
      keep_samples: whether to return the samples.
      on_step: called after each evaluation of the network, see `restore`.
      **changes: sampling settings that differ from the preset's or the config's.

    Returns:
      The result, with arrays of the kind of `image`.

    Raises:
      IcdpmError: an invalid image, setting or seed; or as `restore`.
    """
    settings = model.settings(preset, **changes)
    if preset and (warning := model.sampling_presets[preset].warning):
        warnings.warn(f"preset {preset!r}: {warning}", stacklevel=3)
    if spread and settings.samples < 2:
        raise IcdpmError("one sample has no spread; use two or more, as in samples=8")
    if not isinstance(seed, numbers.Integral) or not 0 <= seed < _MAX_SEED:
        raise IcdpmError(f"`seed` must be an integer from 0 to 2^63 - 1. Received: {seed!r}")
    if not isinstance(max_memory, numbers.Real) or not max_memory > 0:
        raise IcdpmError(f"`max_memory` must be a positive number of bytes. Received: {max_memory!r}")
    read = None
    if isinstance(image, (str, os.PathLike)):
        read = read_image(image)
    elif isinstance(image, PIL.Image.Image) and image.mode != "F":
        read = read_pillow(image)
    array = read.pixels if read else image
    pixels = array_to_pixels(array)
    filled = fill_hidden(pixels, read.alpha) if read else pixels
    restored = restore(
        model,
        filled,
        settings,
        seed=seed,
        tile=tile,
        max_memory=max_memory,
        keep_samples=keep_samples,
        spread=spread,
        on_step=on_step,
    )
    if match_color:
        restored = restored.match_color(filled)
    if read:
        restored = restored.restore_hidden(pixels, read.alpha)
    samples = restored.samples and [pixels_to_array(sample, array) for sample in restored.samples]
    notices = (*(read.notices if read else ()), *restored.notices)
    return Restored(pixels_to_array(restored.pixels, array), restored.spread, samples, restored.intermediate_outputs, notices)


def load_on_gpus(
    workdir: str | os.PathLike, checkpoint: str | int = "latest"
) -> tuple[ImageRestorer, list[Callable[..., Restored]]]:
    """Loads a model on every GPU of this machine, or once on TensorFlow's default device if there are fewer than two.

    Args:
      workdir: folder of a training run.
      checkpoint: 'latest', 'best' or a step.

    Returns:
      (the model, a function for each device: `restore` without its first argument). The functions can run at the same time, and
      return the same bytes on devices of the same kind.
    """
    devices = [device.name for device in tf.config.list_logical_devices("GPU")]
    if len(devices) < 2:
        model = load(workdir, checkpoint)
        return model, [functools.partial(restore, model)]
    return load_on_devices(devices, workdir, checkpoint)


def load_on_devices(
    devices: Sequence[str], workdir: str | os.PathLike, checkpoint: str | int = "latest"
) -> tuple[ImageRestorer, list[Callable[..., Restored]]]:
    """Loads a model on each of these devices, given by name. Returns as `load_on_gpus`."""
    models = []
    for device in devices:
        with tf.device(device):
            models.append(load(workdir, checkpoint))
    return models[0], [functools.partial(_restore_on, *each) for each in zip(devices, models)]


def _restore_on(device, model, image, settings, **options):
    with tf.device(device):
        return restore(model, image, settings, **options)
