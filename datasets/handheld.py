"""Sharp photos that become photos of a hand-held camera in poor light as they are read.

Compared with the blur of averaged video in `motion_blur.py`, the paths are longer and tremble, the camera may roll, so that the
blur varies over the image, lamps and reflections leave saturated streaks, some scenes are dark, the sensor is noisy, and most
blurry images are JPEG files. The sharp image is the middle instant of the exposure, without noise and compression.
"""

from __future__ import annotations

import math

import numpy as np

from icdpm.images.srgb import to_linear, to_srgb
from icdpm_datasets.blur import reflected_window, remove_border
from icdpm_datasets.camera import add_noise, brighten_highlights
from icdpm_datasets.degradations import JPEG_BLOCK, compress_jpeg
from icdpm_datasets.folders import SharpImages
from icdpm_datasets.motion import motion_path, rasterize
from icdpm_datasets.motion_blur import convolve, expose_layer, smooth_mask, soften
from icdpm_datasets.pairs import crop_corner

_STILL = 0.05  # fraction of the pairs without blur
_EXTENTS = (2.0, 60.0)  # px, shortest and longest path of the camera or of an object; the mean is 19
_TREMBLE = 0.8  # largest anxiety of the camera; see motion_path
_ROLLED = 0.3  # fraction of the pairs in which the camera rolls
_ROLL = 15.0  # px, largest shift of the image's corners by the roll during the exposure
_LAYERED = 0.3  # fraction of the pairs in which an object moves differently
_LIT = 0.4  # fraction of the pairs with lamps or reflections that are brighter than the sensor records
_DARK = 0.25  # fraction of the pairs with dark scenes
_DARKNESS = (0.1, 0.5)  # light of dark scenes, relative to the photo
_NOISE = 0.03  # largest standard deviation of the noise at full light
_COMPRESSED = 0.6  # fraction of the pairs whose blurry image is a JPEG file
_QUALITY = (40, 95)  # libjpeg's quality


class HandheldImages(SharpImages):
    """Images of a folder and its subfolders, blurred and recorded as by a hand-held camera; a `CropSource`."""

    kind = "blurred as by a hand-held camera"
    stream = 5

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pair (blurry, sharp) at `index`, uint8 [H, W, 3]."""
        image = self.sharp(index)
        return self._take(self.generator_of(index), image, (0, 0), image.shape[:2])

    def load_crop(self, index: int, crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns a training crop; see `icdpm_datasets.pairs.load_crop`. Only what the crop needs is blurred.

        The blocks of the JPEG compression have a random position relative to the crop.
        """
        image = self.sharp(index)
        rng = np.random.default_rng(random_ints)
        top, left = (int(shift) for shift in rng.integers(JPEG_BLOCK, size=2))
        row, column = crop_corner(random_ints, image.shape[:2], crop)
        blurry, sharp = self._take(rng, image, (row - top, column - left), (crop + top, crop + left))
        return blurry[top:, left:], sharp[top:, left:]

    def _take(
        self, rng: np.random.Generator, image: np.ndarray, corner: tuple[int, int], size: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns a pair of `size` whose sharp image is the window of `image` at `corner`; an object may be before it."""
        extent = 0.0 if rng.random() < _STILL else _EXTENTS[0] + (_EXTENTS[1] - _EXTENTS[0]) * rng.beta(1.0, 2.5)
        layered = rng.random() < _LAYERED
        camera = _path(rng, extent * (rng.uniform(0.0, 1.0) if layered else 1.0), _TREMBLE * rng.uniform(0.0, 1.0) ** 2)
        roll = rng.uniform(-_ROLL, _ROLL) if extent and rng.random() < _ROLLED else 0.0
        kernels = [rasterize(path, _radius(path)) for path in corner_paths(camera, roll, corner, size, image.shape[:2])]
        path = _path(rng, extent, anxiety=0.1) if layered else camera
        border = max(_radius(path), *(kernel.shape[0] // 2 for kernel in kernels))

        exposure = rng.uniform(*_DARKNESS) if rng.random() < _DARK else 1.0
        lamps = rng.integers(2**63) if rng.random() < _LIT else None

        def light_at(photo: np.ndarray, start: tuple[int, ...]) -> np.ndarray:
            light = to_linear(reflected_window(photo, start, size, border))
            return exposure * (light if lamps is None else brighten_highlights(np.random.default_rng(lamps), light))

        light = light_at(image, corner)
        exposed, instant = blur_by_corners(light, kernels, border), remove_border(light, border)
        if layered:
            other = self.sharp(rng.integers(len(self)))
            mask = smooth_mask(rng, light.shape[:2])[..., None]
            layer = light_at(other, tuple(int(rng.integers(side)) for side in other.shape[:2])) * mask
            layer = np.concatenate([layer, mask], axis=-1)
            exposed, instant = expose_layer(layer, rasterize(path, _radius(path)), exposed, instant, border)
        exposed, instant = soften(rng, exposed, instant)
        return _compress(rng, to_srgb(add_noise(rng, exposed, _NOISE))), to_srgb(instant)


def _path(rng: np.random.Generator, extent: float, anxiety: float) -> np.ndarray:
    """Returns a random path relative to its middle instant, float64 [instants, 2], (dy, dx) in pixels."""
    path = motion_path(rng, extent, 2 * math.ceil(extent) + 3, anxiety)
    return path - path[len(path) // 2]


def _radius(path: np.ndarray) -> int:
    """Returns the radius in pixels of the kernel of a path."""
    return math.ceil(np.abs(path).max()) + 1


def corner_paths(
    path: np.ndarray, roll: float, corner: tuple[int, int], size: tuple[int, ...], image_size: tuple[int, ...]
) -> list[np.ndarray]:
    """Returns the paths of a window's corners if the camera moves and rolls evenly about the middle of the image.

    Args:
      path: path of the middle of the image, [instants, 2], (dy, dx) in pixels.
      roll: shift of the image's corners by the roll during the exposure, in pixels; its sign is the direction.
      corner: top and left of the window in the image.
      size: height and width of the window.
      image_size: height and width of the image.

    Returns:
      Paths of the top left, top right, bottom left and bottom right corner; a single path if all are equal.
    """
    if not roll:
        return [path]
    height, width = image_size
    angles = np.linspace(-0.5, 0.5, len(path)) * roll / (math.hypot(height, width) / 2)  # small: sin(x) = x
    top, left = corner[0] - height / 2, corner[1] - width / 2
    positions = [(top + dy, left + dx) for dy in (0, size[0]) for dx in (0, size[1])]
    return [path + np.stack([-angles * x, angles * y], axis=-1) for y, x in positions]


def blur_by_corners(light: np.ndarray, kernels: list[np.ndarray], border: int) -> np.ndarray:
    """Blurs light by kernels that vary linearly between its corners, as in efficient filter flow (Hirsch et al., CVPR 2010).

    Args:
      light: float32 [H + 2·border, W + 2·border, C].
      kernels: one for the whole image, or one for each corner: top left, top right, bottom left, bottom right.
      border: in pixels, at least the kernels' radii.

    Returns:
      float32 [H, W, C].
    """
    blurred = [convolve(light, kernel, border) for kernel in kernels]
    if len(blurred) == 1:
        return blurred[0]
    height, width, _ = blurred[0].shape
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    right = np.linspace(0, 1, width, dtype=np.float32)[:, None]
    top, bottom = (left_side + right * (right_side - left_side) for left_side, right_side in (blurred[:2], blurred[2:]))
    return top + down * (bottom - top)


def _compress(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Returns the image, uint8 [H, W, 3], in most calls after JPEG compression."""
    if rng.random() >= _COMPRESSED:
        return image
    return compress_jpeg(image, int(rng.integers(_QUALITY[0], _QUALITY[1] + 1)))
