"""Sharp images that are blurred by camera shake as they are read, in training differently each time."""

from __future__ import annotations

import numpy as np

from icdpm.errors import IcdpmError
from icdpm_datasets.blur import blur_pair, blur_window, reflected_window
from icdpm_datasets.folders import SharpImages
from icdpm_datasets.motion import kernel_radius, shake_kernel
from icdpm_datasets.pairs import crop_corner

_EXTENTS = (3.0, 21.0)  # px, shortest and longest shake


class CameraShakeImages(SharpImages):
    """Images of a folder and its subfolders, blurred by camera shake; a `CropSource`."""

    kind = "blurred by camera shake"
    stream = 0

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pair (blurry, sharp) at `index`, uint8 [H, W, 3], as `icdpm-prepare shake` makes it by default.

        Raises:
          IcdpmError: the image is damaged, or too small for the blur.
        """
        rng = self.generator_of(index)
        try:
            return blur_pair(rng, self.sharp(index), rng.uniform(*_EXTENTS))
        except ValueError as error:
            raise IcdpmError(f"{self.paths[self.names[index]]}: {error}") from error

    def load_crop(self, index: int, crop: int, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns a training crop; see `icdpm_datasets.pairs.load_crop`. Only what the crop needs is blurred."""
        image = self.sharp(index)
        corner = crop_corner(bits, image.shape[:2], crop)
        rng = np.random.default_rng(bits)
        extent = rng.uniform(*_EXTENTS)
        window = reflected_window(image, corner, (crop, crop), kernel_radius(extent))
        return blur_window(rng, window, shake_kernel(rng, extent))
