"""Sharp images that are blurred as they are read, in training differently each time: by camera shake or by general motion.

`CameraShakeImages` blurs the whole image by the shake of a hand-held camera. The blur of `MotionBlurredImages` resembles that
of GoPro (Nah et al., 2017) and REDS (Nah et al., 2019), which average frames of high-speed video: a hand-held camera sweeps,
some objects move differently, some images are hardly blurred, and the sharp image is the middle instant of the exposure.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image
from scipy import fft, ndimage

from icdpm.errors import IcdpmError
from icdpm_datasets.blur import blur_by_kernel, blur_window, reflected_window, remove_border
from icdpm_datasets.camera import RESPONSES, Response, add_noise
from icdpm_datasets.folders import SharpImages
from icdpm_datasets.motion import motion_path, rasterize, shake_kernel
from icdpm_datasets.pairs import crop_corner

_SHAKE_EXTENTS = (3.0, 21.0)  # px, shortest and longest shake
_STILL, _MILD = 0.08, 0.2  # fractions of the pairs without blur and with mild blur
_MILD_EXTENT, _EXTENT, _LONG_EXTENT = 5.0, 30.0, 50.0  # px, the longest paths
_FRAMES = (7, 9, 11, 13)  # numbers of frames that GoPro averaged; REDS interpolated between its frames
_FEW_FRAMES = 0.5  # fraction of the pairs in which steps between frames are visible
_ANXIETY = 0.2  # largest anxiety of the camera; see motion_path
_LAYERED = 0.4  # fraction of the blurred pairs in which an object moves differently
_SOFT = 0.5  # fraction of the pairs with a soft lens
_SOFTEST = 1.1  # px, largest standard deviation of the lens' Gaussian; the smallest is 0.3
_NOISY = 0.3  # fraction of the pairs
_MASK_CELLS = (2, 6)  # fewest and most cells per side of the noise from which a mask is made


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
            return blur_by_kernel(rng, self.sharp(index), self.random_kernel(rng))
        except ValueError as error:
            raise IcdpmError(f"{self.paths[self.names[index]]}: {error}") from error

    def load_crop(self, index: int, crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns a training crop; see `icdpm_datasets.pairs.load_crop`. Only what the crop needs is blurred."""
        image = self.sharp(index)
        corner = crop_corner(random_ints, image.shape[:2], crop)
        rng = np.random.default_rng(random_ints)
        kernel = self.random_kernel(rng)
        return blur_window(rng, reflected_window(image, corner, (crop, crop), kernel.shape[0] // 2), kernel)

    def random_kernel(self, rng: np.random.Generator) -> np.ndarray:
        """Returns the kernel of a pair, float32 [2r+1, 2r+1] with sum 1."""
        return shake_kernel(rng, rng.uniform(*_SHAKE_EXTENTS))


class MotionBlurredImages(SharpImages):
    """Images of a folder and its subfolders, blurred by motion; a `CropSource`.

    Compared with `CameraShakeImages`, paths are longer and smoother, blur may be mild or absent, layers may move differently,
    the sharp image is the middle instant, light is summed with one of three camera responses, and the lens may be soft.
    """

    kind = "blurred by motion"
    stream = 1

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pair (blurry, sharp) at `index`, uint8 [H, W, 3]."""
        rng = self.generator_of(index)
        image = self.sharp(index)
        return self._expose(rng, image, (0, 0), image.shape[:2])

    def load_crop(self, index: int, crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns a training crop; see `icdpm_datasets.pairs.load_crop`. Only what the crop needs is blurred."""
        image = self.sharp(index)
        corner = crop_corner(random_ints, image.shape[:2], crop)
        return self._expose(np.random.default_rng(random_ints), image, corner, (crop, crop))

    def random_extent(self, rng: np.random.Generator) -> float:
        """Returns the length of the longest path of a pair in pixels; 0 is no blur."""
        kind = rng.random()
        if kind < _STILL:
            return 0.0
        if kind < _STILL + _MILD:
            return rng.uniform(0.5, _MILD_EXTENT)
        return _MILD_EXTENT + (_EXTENT - _MILD_EXTENT) * rng.beta(1.0, 2.0)

    def _expose(
        self, rng: np.random.Generator, image: np.ndarray, corner: tuple[int, int], size: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns a pair of `size` whose sharp image is the window of `image` at `corner`; an object may be before it."""
        extent = self.random_extent(rng)
        response = RESPONSES[rng.choice(list(RESPONSES))]
        layered = extent > 0 and rng.random() < _LAYERED
        paths = _random_paths(rng, extent, 2 if layered else 1)
        kernels = [rasterize(path, math.ceil(np.abs(path).max()) + 1) for path in paths]
        border = max(kernel.shape[0] // 2 for kernel in kernels)
        light = response.decode(reflected_window(image, corner, size, border))
        if layered:
            other = image if rng.random() < 0.5 else self.sharp(rng.integers(len(self)))
            other_corner = tuple(int(rng.integers(side)) for side in other.shape[:2])
            object_light = response.decode(reflected_window(other, other_corner, size, border))
            mask = smooth_mask(rng, light.shape[:2])[..., None]
            pair = expose_two(light, np.concatenate([object_light * mask, mask], axis=-1), kernels, border)
        else:
            pair = convolve(light, kernels[0], border), remove_border(light, border)
        return _record(rng, *soften(rng, *pair), response)


class LongMotionBlurredImages(MotionBlurredImages):
    """Images of a folder and its subfolders, blurred by long motion as the strongly blurred images of GoPro; a `CropSource`."""

    kind = "blurred by long motion"
    stream = 6

    def random_extent(self, rng: np.random.Generator) -> float:
        """Returns the length of the longest path of a pair in pixels."""
        return rng.uniform(_MILD_EXTENT, _LONG_EXTENT)


def _random_paths(rng: np.random.Generator, extent: float, layers: int) -> list[np.ndarray]:
    """Returns each layer's path, (dy, dx) in pixels relative to the middle instant. The longest path has `extent`."""
    instants = int(rng.choice(_FRAMES)) if rng.random() < _FEW_FRAMES else 2 * math.ceil(extent) + 1
    extents = extent * rng.uniform(0.0, 1.0, layers)
    extents[rng.integers(layers)] = extent
    if layers > 1 and rng.random() < 0.3:  # a static camera
        extents[:] = 0.0, extent
    paths = [motion_path(rng, length, max(instants, 3), anxiety=rng.uniform(0.0, _ANXIETY)) for length in extents]
    return [path - path[len(path) // 2] for path in paths]


def smooth_mask(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Returns the coverage of a few smooth shapes, float32 [height, width] in [0, 1], with edges about two pixels wide."""
    height, width = size
    cells = int(rng.integers(_MASK_CELLS[0], _MASK_CELLS[1] + 1))
    noise = Image.fromarray(rng.standard_normal((cells, cells)).astype(np.float32))
    surface = np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
    slope = max(size) / (2.0 * cells)  # the surface changes by about one per cell
    return np.clip((surface - rng.uniform(-0.5, 0.8)) * slope + 0.5, 0.0, 1.0)


def convolve(light: np.ndarray, kernel: np.ndarray, border: int) -> np.ndarray:
    """Convolves light with a kernel and removes the border.

    Args:
      light: [H + 2·border, W + 2·border, C].
      kernel: [2r + 1, 2r + 1] with r ≤ border.
      border: in pixels.

    Returns:
      float32 [H, W, C].
    """
    if not kernel.shape[0] // 2:
        return remove_border(light, border)
    shape = [fft.next_fast_len(side, real=True) for side in light.shape[:2]]
    spectrum = fft.rfft2(light.astype(np.float32, copy=False), shape, axes=(0, 1))
    spectrum *= fft.rfft2(kernel, shape)[..., None]
    full = fft.irfft2(spectrum, shape, axes=(0, 1))
    start = border + kernel.shape[0] // 2  # where the kernel's center is on the first pixel inside the border
    return full[start : start + light.shape[0] - 2 * border, start : start + light.shape[1] - 2 * border]


def expose_two(
    background: np.ndarray, layer: np.ndarray, kernels: list[np.ndarray], border: int
) -> tuple[np.ndarray, np.ndarray]:
    """Computes one exposure of a moving layer before a background that moves differently.

    The background behind a moving edge is approximated by its mean over the exposure, so that two convolutions replace the sum
    over all instants in `blur.expose_layers`.

    Args:
      background: light, float32 [H + 2·border, W + 2·border, 3].
      layer: float32 of the same size with 4 channels: light times coverage, and coverage.
      kernels: of the background and of the layer.
      border: in pixels, at least the kernels' radii.

    Returns:
      (exposure, middle instant), float32 [H, W, 3].
    """
    exposed = convolve(background, kernels[0], border)
    return expose_layer(layer, kernels[1], exposed, remove_border(background, border), border)


def expose_layer(
    layer: np.ndarray, kernel: np.ndarray, exposed: np.ndarray, middle: np.ndarray, border: int
) -> tuple[np.ndarray, np.ndarray]:
    """Adds a moving layer to the exposure of what is behind it; see `expose_two`.

    Args:
      layer: float32 [H + 2·border, W + 2·border, 4]: light times coverage, and coverage.
      kernel: of the layer.
      exposed: exposure of the background, float32 [H, W, 3].
      middle: its middle instant, float32 [H, W, 3].
      border: in pixels, at least the kernel's radius.

    Returns:
      (exposure, middle instant), float32 [H, W, 3].
    """
    moved, instant = convolve(layer, kernel, border), remove_border(layer, border)
    exposed = moved[..., :3] + (1 - moved[..., 3:]) * exposed
    return exposed, instant[..., :3] + (1 - instant[..., 3:]) * middle


def soften(rng: np.random.Generator, exposed: np.ndarray, instant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Softens both images as a lens and a camera's downscaling do, since a model must not sharpen isotropic softness."""
    if rng.random() >= _SOFT:
        return exposed, instant
    deviation = rng.uniform(0.3, _SOFTEST)
    exposed, instant = (ndimage.gaussian_filter(light, (deviation, deviation, 0)) for light in (exposed, instant))
    return exposed, instant


def _record(
    rng: np.random.Generator, exposed: np.ndarray, instant: np.ndarray, response: Response
) -> tuple[np.ndarray, np.ndarray]:
    if rng.random() < _NOISY:
        exposed = add_noise(rng, exposed)
    return response.encode(exposed), response.encode(instant)
