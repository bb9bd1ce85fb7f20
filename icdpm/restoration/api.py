"""Restoring image files and arrays from Python."""

import dataclasses
import numbers
import os
import warnings

from icdpm.errors import IcdpmError
from icdpm.images.drift import match_restored
from icdpm.images.reading import read_photo
from icdpm.restoration.pixels import as_kind_of, as_pixels
from icdpm.restoration.restore import DEFAULT_MAX_MEMORY, restore

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
    given = read_photo(image).pixels if isinstance(image, (str, os.PathLike)) else image
    pixels = as_pixels(given)
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
    samples = restored.samples and [as_kind_of(sample, given) for sample in restored.samples]
    return dataclasses.replace(restored, pixels=as_kind_of(restored.pixels, given), samples=samples)
