"""Restoring from Python."""

import dataclasses
import numbers
import os
import warnings

from icdpm.errors import IcdpmError
from icdpm.photos.drift import match_restored
from icdpm.photos.reading import read_photo
from icdpm.restoration.pixels import as_kind_of, as_pixels
from icdpm.restoration.restore import DEFAULT_MAX_MEMORY, restore

_MOST_SEEDS = 2**63


class Restorer:
    """A trained model that restores pictures. `icdpm.load` makes one.

    Attributes:
      system: the model itself, an `icdpm.systems.system.System`.
    """

    def __init__(self, system):
        self.system = system

    def restore(self, picture, preset=None, **options):
        """Restores a blurry picture.

        Args:
          picture: path of a photo; or an array, [height, width, 3] sRGB or [height, width] gray: uint8, uint16, or float in
            [0, 1] (which is worked on in 16 bits).
          preset: one of the model's (`System.all_presets`), which warns where it is not for this model; None: what the model's
            config says, one sample.
          **options: settings of the model (`system.settings`), such as steps and samples, which go before the preset's; and
            seed: a whole number from 0 (the default); the same one gives the same picture.
            match_color: whether drift of colour is taken out (`icdpm.photos.drift`); not by default.
            tile, max_memory, on_step: as of `icdpm.restoration.restore.restore`.

        Returns:
          The mean of the samples, an array of the picture's shape and dtype (float32 for floats). A photo's is upright and
          without its alpha.

        Raises:
          IcdpmError: the picture or an option is not what it should be.
        """
        return self._restored(picture, preset, **options).pixels

    def sample(self, picture, preset=None, **options):
        """Restores a blurry picture and gives all that its samples, two or more, tell.

        Args:
          picture, preset, **options: as of `restore`.

        Returns:
          An `icdpm.restoration.result.Restored`: `pixels` is what `restore` gives, `spread` the standard deviation of the
          samples in each pixel, in 8-bit steps, and `samples` holds each of them.

        Raises:
          IcdpmError: as of `restore`; or there is only one sample.
        """
        return self._restored(picture, preset, spread=True, keep_samples=True, **options)

    def _restored(
        self,
        picture,
        preset,
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
        settings = self.system.settings(preset, **changes)
        if preset and (warning := self.system.all_presets[preset].warning):
            warnings.warn(f"preset {preset!r}: {warning}", stacklevel=3)
        if spread and settings.samples < 2:
            raise IcdpmError("one sample has no spread; ask for two or more, as in samples=8")
        if not isinstance(seed, numbers.Integral) or not 0 <= seed < _MOST_SEEDS:
            raise IcdpmError(f"the seed is {seed!r}; it must be a whole number from 0 to 2^63 - 1")
        given = read_photo(picture).pixels if isinstance(picture, (str, os.PathLike)) else picture
        pixels = as_pixels(given)
        restored = restore(
            self.system,
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
