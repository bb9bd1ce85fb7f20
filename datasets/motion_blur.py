"""Sharp pictures that are blurred as high-speed video is when its frames are averaged; in training anew every time.

GoPro (Nah et al., 2017) and REDS (Nah et al., 2019) were made so: a hand-held camera sweeps, some things move otherwise
than the rest, some pictures are hardly blurred, and the sharp picture is the exposure's middle instant.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
from PIL import Image
from scipy import fft, ndimage

from icdpm_datasets.blur import without_border
from icdpm_datasets.camera import RESPONSES, Response, add_noise
from icdpm_datasets.camera_shake import CameraShakeImages, reflected
from icdpm_datasets.motion import motion_path, rasterize
from icdpm_datasets.pairs import corner_of

_STILL, _MILD = 0.08, 0.2  # fractions of the pairs; the rest is blurred in earnest
_MILD_EXTENT, _EXTENT = 5.0, 30.0  # px, the longest paths
_FRAMES = (7, 9, 11, 13)  # that GoPro averaged; REDS interpolated between its frames
_FEW_FRAMES = 0.5  # fraction of the pairs in which the frames' jumps can be seen
_ANXIETY = 0.2  # the most, of the camera; see motion_path
_LAYERED = 0.4  # fraction of the blurred pairs in which something moves otherwise
_SOFT = 0.5  # fraction of the pairs that a lens softens
_SOFTEST = 1.1  # px, the largest standard deviation of its Gaussian; the smallest is 0.3
_NOISY = 0.3  # fraction of the pairs
_MASK_CELLS = (2, 6)  # the fewest and most cells to a side of the noise from which a mask is made


class MotionBlurredImages(CameraShakeImages):
    """The pictures of a folder and the folders below it, each with a blurry version of its own; a `CropSource`.

    As `CameraShakeImages`, with another blur: longer and smoother paths, mild blur and none, layers that move each their own
    way, the middle instant as the sharp picture, light summed with the camera's response or without, a crisp or a soft lens.
    """

    _KIND = "blurred by motion"

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The pair (blurry, sharp) at `index`, uint8 [H, W, 3]; the name decides the blur."""
        name = self.names[index]
        rng = np.random.default_rng([1, zlib.crc32(name.encode())])
        photo = self._photo(name)
        return self._exposed(rng, photo, (0, 0), photo.shape[:2])

    def load_crop(self, index: int, crop: int, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `icdpm_datasets.pairs.load_crop`; all of `bits` decide the blur. Only what the crop needs is blurred."""
        photo = self._photo(self.names[index])
        return self._exposed(np.random.default_rng(bits), photo, corner_of(bits, photo.shape[:2], crop), (crop, crop))

    def _exposed(
        self, rng: np.random.Generator, photo: np.ndarray, corner: tuple[int, int], size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """A pair of `size` whose sharp picture is the photo at `corner`, or in part what moves before it."""
        extent = _draw_extent(rng)
        response = RESPONSES[rng.choice(list(RESPONSES))]
        layered = extent > 0 and rng.random() < _LAYERED
        paths = _draw_paths(rng, extent, 2 if layered else 1)
        kernels = [rasterize(path, math.ceil(np.abs(path).max()) + 1) for path in paths]
        border = max(kernel.shape[0] // 2 for kernel in kernels)
        light = response.decode(_window(photo, corner, size, border))
        if layered:
            other = photo if rng.random() < 0.5 else self._photo(self.names[rng.integers(len(self))])
            place = tuple(int(rng.integers(side)) for side in other.shape[:2])
            object_light = response.decode(_window(other, place, size, border))
            mask = smooth_mask(rng, light.shape[:2])[..., None]
            pair = expose_two(light, np.concatenate([object_light * mask, mask], axis=-1), kernels, border)
        else:
            pair = convolve(light, kernels[0], border), without_border(light, border)
        return _record(rng, *_soften(rng, *pair), response)


def _draw_extent(rng: np.random.Generator) -> float:
    """Length of the longest path of a pair in pixels; 0 is no blur."""
    kind = rng.random()
    if kind < _STILL:
        return 0.0
    if kind < _STILL + _MILD:
        return rng.uniform(0.5, _MILD_EXTENT)
    return _MILD_EXTENT + (_EXTENT - _MILD_EXTENT) * rng.beta(1.0, 2.0)


def _draw_paths(rng: np.random.Generator, extent: float, layers: int) -> list[np.ndarray]:
    """The path of each layer, (dy, dx) in pixels from where it is at the middle instant; the longest has `extent`."""
    instants = int(rng.choice(_FRAMES)) if rng.random() < _FEW_FRAMES else 2 * math.ceil(extent) + 1
    extents = extent * rng.uniform(0.0, 1.0, layers)
    extents[rng.integers(layers)] = extent
    if layers > 1 and rng.random() < 0.3:  # a camera at rest
        extents[:] = 0.0, extent
    paths = [motion_path(rng, length, max(instants, 3), anxiety=rng.uniform(0.0, _ANXIETY)) for length in extents]
    return [path - path[len(path) // 2] for path in paths]


def smooth_mask(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Coverage of a few smooth shapes, float32 [height, width] in [0, 1], with edges about two pixels wide."""
    height, width = size
    cells = int(rng.integers(_MASK_CELLS[0], _MASK_CELLS[1] + 1))
    noise = Image.fromarray(rng.standard_normal((cells, cells)).astype(np.float32))
    surface = np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
    slope = max(size) / (2.0 * cells)  # the surface changes by about one in a cell
    return np.clip((surface - rng.uniform(-0.5, 0.8)) * slope + 0.5, 0.0, 1.0)


def convolve(light: np.ndarray, kernel: np.ndarray, border: int) -> np.ndarray:
    """Light [H + 2·border, W + 2·border, C] convolved with a kernel [2r+1, 2r+1], r ≤ border: [H, W, C], float32."""
    if not kernel.shape[0] // 2:
        return without_border(light, border)
    shape = [fft.next_fast_len(side, real=True) for side in light.shape[:2]]
    spectrum = fft.rfft2(light.astype(np.float32, copy=False), shape, axes=(0, 1))
    spectrum *= fft.rfft2(kernel, shape)[..., None]
    full = fft.irfft2(spectrum, shape, axes=(0, 1))
    start = border + kernel.shape[0] // 2  # where the kernel's middle is on the first wanted pixel
    return full[start : start + light.shape[0] - 2 * border, start : start + light.shape[1] - 2 * border]


def expose_two(
    background: np.ndarray, layer: np.ndarray, kernels: list[np.ndarray], border: int
) -> tuple[np.ndarray, np.ndarray]:
    """One exposure of a layer that moves one way before a background that moves another: (exposed, middle instant).

    Args:
      background: light, float32 [H + 2·border, W + 2·border, 3].
      layer: float32 of that size, 4 channels: light times coverage, and coverage.
      kernels: of the background and of the layer.
      border: in pixels, at least the kernels' radii.

    The background that is seen past a moving edge is taken to be its mean over the exposure, so that two convolutions do
    what `blur.expose_layers` does with every instant.
    """
    exposed = convolve(layer, kernels[1], border)
    exposed = exposed[..., :3] + (1 - exposed[..., 3:]) * convolve(background, kernels[0], border)
    middle = without_border(layer, border)
    return exposed, middle[..., :3] + (1 - middle[..., 3:]) * without_border(background, border)


def _soften(rng: np.random.Generator, exposed: np.ndarray, instant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both pictures as a lens and a camera's own reduction soften them: what is soft in every direction is to stay so."""
    if rng.random() >= _SOFT:
        return exposed, instant
    deviation = rng.uniform(0.3, _SOFTEST)
    return tuple(ndimage.gaussian_filter(light, (deviation, deviation, 0)) for light in (exposed, instant))


def _record(
    rng: np.random.Generator, exposed: np.ndarray, instant: np.ndarray, response: Response
) -> tuple[np.ndarray, np.ndarray]:
    if rng.random() < _NOISY:
        exposed = add_noise(rng, exposed)
    return response.encode(exposed), response.encode(instant)


def _window(photo: np.ndarray, corner: tuple[int, int], size: tuple[int, int], border: int) -> np.ndarray:
    """The photo at `corner` with a border around; what lies outside the photo is reflected."""
    rows, columns = (
        reflected(np.arange(start - border, start + length + border), side)
        for start, length, side in zip(corner, size, photo.shape)
    )
    return photo[rows[:, None], columns]
