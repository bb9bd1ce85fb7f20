"""Sharp photos that are blurred by camera shake as they are read: in training anew every time."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm_datasets.blur import blur_pair, blur_window
from icdpm_datasets.image_files import ImageCache, find_images
from icdpm_datasets.motion import kernel_radius, shake_kernel
from icdpm_datasets.pairs import corner_of

_EXTENTS = (3.0, 21.0)  # px, the shortest and the longest shake


class CameraShakeImages:
    """The photos of a folder and the folders below it, each with a blurry version of its own; a `CropSource`.

    A whole pair always is the same: its name decides the blur. A training crop has a blur of its own, which the
    example's random numbers decide.

    Attributes:
      names: the paths below the folder without ending and with hyphens for slashes, sorted.
      description: one line for logs.
    """

    _KIND = "blurred by camera shake"

    def __init__(self, folder: Path):
        """Finds the photos and reads their headers.

        Raises IcdpmError where there are none, or a file is no picture of 8 bits.
        """
        self._paths = find_images(folder)
        self.names = list(self._paths)
        self.description = f"{len(self)} photos in {folder}, {self._KIND}"
        self._pictures = ImageCache(self._paths.values())

    def __len__(self) -> int:
        return len(self.names)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The pair (blurry, sharp) at `index`, uint8 [H, W, 3]; as `icdpm-prepare shake` makes it by default.

        Raises IcdpmError where the photo is damaged, or too small for the blur.
        """
        name = self.names[index]
        rng = np.random.default_rng([0, zlib.crc32(name.encode())])
        try:
            return blur_pair(rng, self._photo(name), rng.uniform(*_EXTENTS))
        except ValueError as error:
            raise IcdpmError(f"{self._paths[name]}: {error}") from error

    def load_crop(self, index: int, crop: int, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `icdpm_datasets.pairs.load_crop`; all of `bits` decide the blur. Only what the crop needs is blurred."""
        photo = self._photo(self.names[index])
        corner = corner_of(bits, photo.shape[:2], crop)
        rng = np.random.default_rng(bits)
        extent = rng.uniform(*_EXTENTS)
        border = kernel_radius(extent)
        reach = np.arange(-border, crop + border)
        rows, columns = (reflected(start + reach, size) for start, size in zip(corner, photo.shape))
        return blur_window(rng, photo[rows[:, None], columns], shake_kernel(rng, extent))

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError where a photo is narrower or lower than `crop` pixels."""
        self._pictures.check_crop(crop)

    def _photo(self, name: str) -> np.ndarray:
        return self._pictures.read(self._paths[name])


def reflected(places: np.ndarray, size: int) -> np.ndarray:
    """Places outside [0, size) reflected at the borders, whose own pixels are not repeated; as numpy pads."""
    period = max(2 * size - 2, 1)
    places = places % period
    return np.minimum(places, period - places)
