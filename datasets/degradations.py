"""Sharp images that are degraded as they are read: Gaussian noise, JPEG compression, or a lower resolution.

The strengths are those that one network is trained for in DnCNN (Zhang et al., TIP 2017, arXiv 1608.03981: blind denoising and
DnCNN-3) and, for the resolution, Meta-SR (Hu et al., CVPR 2019, arXiv 1903.00875). All ranges include weak degradations, and a
small part of the training crops is not degraded, so that a model learns to keep clean images.
"""

from __future__ import annotations

import io
import math
import zlib

import numpy as np
from PIL import Image

from icdpm_datasets.camera_shake import CameraShakeImages
from icdpm_datasets.pairs import corner_of

_CLEAN = 0.05  # fraction of the training crops; of whole pairs none, since their PSNR would be infinite
_NOISE = (0.0, 55.0)  # standard deviation of the noise, of 255 (DnCNN, §IV-A)
_QUALITY = (5, 99)  # libjpeg's quality (DnCNN-3)
_BLOCK = 16  # px, side of a coding unit of a JPEG file with halved chroma resolution
_FACTOR = (1.0, 4.0)  # of the downscaling (Meta-SR)
_FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.BOX, Image.Resampling.LANCZOS)  # BOX averages the area of a pixel
_SUPPORT = 3  # radius of the widest of these filters, Lanczos, in pixels of the lower resolution


class DegradedImages(CameraShakeImages):
    """Base class for the images of a folder and the folders below it, each with a degraded version; a `CropSource`.

    The strength of the degradation is random. The name of an image determines it for a whole pair, so that a test split is
    always the same; the random numbers of a training example determine it for a crop, which is degraded as the whole image
    would be. A subclass implements `_degrade`, and sets `_KIND` and `_STREAM`.
    """

    _STREAM: int  # number of the subclass, which separates its random numbers from those of other sources

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pair (degraded, clean) at `index`, uint8 [H, W, 3]; the name determines the degradation."""
        name = self.names[index]
        photo = self._photo(name)
        rng = np.random.default_rng([self._STREAM, zlib.crc32(name.encode())])
        return self._degrade(rng, photo, (0, 0), photo.shape[:2]), photo

    def load_crop(self, index: int, crop: int, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns a training crop as `icdpm_datasets.pairs.load_crop` does; all of `bits` determine the degradation."""
        photo = self._photo(self.names[index])
        rng = np.random.default_rng(bits)
        top, left = corner = corner_of(bits, photo.shape[:2], crop)
        clean = photo[top : top + crop, left : left + crop].copy()  # a view would keep the whole image in memory
        return (clean if rng.random() < _CLEAN else self._degrade(rng, photo, corner, (crop, crop))), clean

    def _degrade(
        self, rng: np.random.Generator, photo: np.ndarray, corner: tuple[int, int], size: tuple[int, int]
    ) -> np.ndarray:
        """Returns a part of the degraded image.

        Args:
          rng: source of the strength and of all else that is random.
          photo: the clean image, uint8 [H, W, 3], read-only.
          corner: top and left of the part in pixels.
          size: height and width of the part in pixels.

        Returns uint8 [height, width, 3].
        """
        raise NotImplementedError


class NoisyImages(DegradedImages):
    """Images with white Gaussian noise on their sRGB values, rounded and clipped to 8 bits."""

    _KIND = "degraded by Gaussian noise"
    _STREAM = 2

    def _degrade(self, rng, photo, corner, size):
        (top, left), (height, width) = corner, size
        deviation = np.float32(rng.uniform(*_NOISE))
        noisy = rng.standard_normal((height, width, 3), np.float32) * deviation
        noisy += photo[top : top + height, left : left + width]
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


class CompressedImages(DegradedImages):
    """Images after JPEG compression with halved chroma resolution (4:2:0).

    A crop is cut from the compressed image, so that the blocks have all positions relative to it.
    """

    _KIND = "degraded by JPEG compression"
    _STREAM = 3

    def _degrade(self, rng, photo, corner, size):
        quality = int(rng.integers(_QUALITY[0], _QUALITY[1] + 1))
        # Blocks are coded independently; chroma is interpolated from the next block at most.
        starts = [max(place // _BLOCK - 1, 0) * _BLOCK for place in corner]
        stops = [(-(-(place + length) // _BLOCK) + 1) * _BLOCK for place, length in zip(corner, size)]
        file = io.BytesIO()
        Image.fromarray(photo[starts[0] : stops[0], starts[1] : stops[1]]).save(
            file, "JPEG", quality=quality, subsampling="4:2:0"
        )
        (top, left), (height, width) = (np.subtract(corner, starts), size)
        with Image.open(file) as compressed:
            return np.asarray(compressed)[top : top + height, left : left + width]


class DownscaledImages(DegradedImages):
    """Images that are downscaled and, with bicubic interpolation, upscaled to their size again.

    The filter of the downscaling is bicubic, area average or Lanczos, without aliasing. The lower resolution has 8 bits.
    """

    _KIND = "degraded by downscaling"
    _STREAM = 4

    def _degrade(self, rng, photo, corner, size):
        factor, resample = rng.uniform(*_FACTOR), _FILTERS[rng.integers(len(_FILTERS))]
        axes = [_Axis(*each, factor) for each in zip(corner, size, photo.shape)]
        window = Image.fromarray(photo[tuple(slice(*axis.window) for axis in axes)])
        small = window.resize(*_boxed([(axis.small_size, axis.window_box) for axis in axes], resample))
        return np.asarray(small.resize(*_boxed([(axis.size, axis.small_box) for axis in axes], Image.Resampling.BICUBIC)))


class _Axis:
    """Places along one axis of an image that are needed for a part of it after downscaling and upscaling.

    Args:
      start, size: of the part in pixels.
      length: of the whole image in pixels.
      factor: of the downscaling; the length of the downscaled image is rounded to whole pixels.

    Attributes:
      size: of the part.
      window: (start, stop) of the pixels that are downscaled.
      window_box: (start, stop) in the window, in fractions of pixels, of the area that the downscaled pixels cover.
      small_size: number of these downscaled pixels.
      small_box: (start, stop) of the part among them, in fractions of their pixels.
    """

    def __init__(self, start: int, size: int, length: int, factor: float):
        small_length = max(round(length / factor), 1)
        scale = length / small_length
        first = max(math.floor(start / scale) - _SUPPORT, 0)
        last = min(math.ceil((start + size) / scale) + _SUPPORT, small_length)
        self.size = size
        self.small_size = last - first
        self.small_box = (start / scale - first, (start + size) / scale - first)
        begin = max(math.floor((first - _SUPPORT) * scale), 0)
        self.window = (begin, min(math.ceil((last + _SUPPORT) * scale), length))
        self.window_box = (first * scale - begin, last * scale - begin)


def _boxed(axes: list, resample: Image.Resampling) -> tuple:
    """Returns the arguments of Pillow's `resize` for (size, (start, stop)) of the vertical and the horizontal axis."""
    (height, (top, bottom)), (width, (left, right)) = axes
    return (width, height), resample, (left, top, right, bottom)
