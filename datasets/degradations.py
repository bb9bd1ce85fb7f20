"""Sharp images that are degraded as they are read: Gaussian noise, JPEG compression, or a lower resolution.

One model covers all strengths of a degradation, as DnCNN (Zhang et al., TIP 2017, arXiv 1608.03981) does for noise and JPEG
compression, and Meta-SR (Hu et al., CVPR 2019, arXiv 1903.00875) for resolutions. All ranges include weak degradations, and a
small part of the training crops is not degraded, so that a model learns to keep clean images.
"""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from icdpm_datasets.folders import SharpImages
from icdpm_datasets.pairs import crop_corner

_CLEAN = 0.05  # fraction of the training crops; of whole pairs none, since their PSNR would be infinite
_NOISE = (0.0, 55.0)  # standard deviation of the noise, of 255
_QUALITY = (5, 99)  # libjpeg's quality
JPEG_BLOCK = 16  # px, side of a coding unit of a JPEG file with halved chroma resolution
_FACTOR = (1.0, 4.0)  # of the downscaling; Meta-SR's published code trains with 1.1, 1.2, … 4.0
_FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.BOX, Image.Resampling.LANCZOS)  # BOX averages the area of a pixel
_SUPPORT = 3  # radius of the widest of these filters, Lanczos, in pixels of the lower resolution


class DegradedImages(SharpImages):
    """Base class for the images of a folder and its subfolders, each with a degraded version; a `CropSource`.

    A training crop is degraded as the whole image would be. A subclass implements `degrade`, and sets `kind` and `stream`.
    """

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pair (degraded, clean) at `index`, uint8 [H, W, 3]."""
        image = self.sharp(index)
        return self.degrade(self.generator_of(index), image, (0, 0), image.shape[:2]), image

    def load_crop(self, index: int, crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns a training crop; see `icdpm_datasets.pairs.load_crop`. All of `random_ints` determine the degradation."""
        image = self.sharp(index)
        rng = np.random.default_rng(random_ints)
        top, left = corner = crop_corner(random_ints, image.shape[:2], crop)
        clean = image[top : top + crop, left : left + crop]
        return (clean if rng.random() < _CLEAN else self.degrade(rng, image, corner, (crop, crop))), clean

    def degrade(
        self, rng: np.random.Generator, image: np.ndarray, corner: tuple[int, int], size: tuple[int, ...]
    ) -> np.ndarray:
        """Returns a part of the degraded image.

        Args:
          rng: source of the strength and of everything else that is random.
          image: the clean image, uint8 [H, W, 3], read-only.
          corner: top and left of the part in pixels.
          size: height and width of the part in pixels.

        Returns:
          uint8 [height, width, 3].
        """
        raise NotImplementedError


class NoisyImages(DegradedImages):
    """Images with white Gaussian noise on their sRGB values, rounded and clipped to 8 bits."""

    kind = "degraded by Gaussian noise"
    stream = 2

    def degrade(
        self, rng: np.random.Generator, image: np.ndarray, corner: tuple[int, int], size: tuple[int, ...]
    ) -> np.ndarray:
        (top, left), (height, width) = corner, size
        deviation = np.float32(rng.uniform(*_NOISE))
        noisy = rng.standard_normal((height, width, 3), np.float32) * deviation
        noisy += image[top : top + height, left : left + width]
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


class CompressedImages(DegradedImages):
    """Images after JPEG compression with halved chroma resolution (4:2:0).

    A crop is cut from the compressed image, so that the blocks have all positions relative to it.
    """

    kind = "degraded by JPEG compression"
    stream = 3

    def degrade(
        self, rng: np.random.Generator, image: np.ndarray, corner: tuple[int, int], size: tuple[int, ...]
    ) -> np.ndarray:
        quality = int(rng.integers(_QUALITY[0], _QUALITY[1] + 1))
        # Blocks are coded independently; chroma is interpolated from the next block at most.
        starts = [max(start // JPEG_BLOCK - 1, 0) * JPEG_BLOCK for start in corner]
        stops = [(-(-(start + length) // JPEG_BLOCK) + 1) * JPEG_BLOCK for start, length in zip(corner, size)]
        compressed = compress_jpeg(image[starts[0] : stops[0], starts[1] : stops[1]], quality)
        (top, left), (height, width) = (np.subtract(corner, starts), size)
        return compressed[top : top + height, left : left + width]


class DownscaledImages(DegradedImages):
    """Images that are downscaled and, with bicubic interpolation, upscaled to their size again.

    The filter of the downscaling is bicubic, area average or Lanczos, without aliasing. The lower resolution has 8 bits.
    """

    kind = "degraded by downscaling"
    stream = 4

    def degrade(
        self, rng: np.random.Generator, image: np.ndarray, corner: tuple[int, int], size: tuple[int, ...]
    ) -> np.ndarray:
        factor, resample = rng.uniform(*_FACTOR), _FILTERS[rng.integers(len(_FILTERS))]
        axes = [_Axis(*each, factor) for each in zip(corner, size, image.shape)]
        window = Image.fromarray(image[tuple(slice(*axis.window) for axis in axes)])
        small = window.resize(*_resize_arguments([(axis.small_size, axis.window_box) for axis in axes], resample))
        sides = [(axis.size, axis.small_box) for axis in axes]
        return np.asarray(small.resize(*_resize_arguments(sides, Image.Resampling.BICUBIC)))


class _Axis:
    """Intervals along one axis of an image that are needed for a part of it after downscaling and upscaling.

    Args:
      start: first pixel of the part.
      size: length of the part in pixels.
      length: of the whole image in pixels.
      factor: of the downscaling; the length of the downscaled image is rounded to whole pixels.

    Attributes:
      size: of the part.
      window: (start, stop) of the pixels that are downscaled.
      window_box: (start, stop) in the window, in fractions of pixels, of the area that the downscaled pixels cover.
      small_size: number of these downscaled pixels.
      small_box: (start, stop) of the part among them, in fractions of their pixels.
    """

    def __init__(self, start: int, size: int, length: int, factor: float) -> None:
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


def _resize_arguments(axes: list, resample: Image.Resampling) -> tuple:
    """Returns the arguments of Pillow's `resize` for (size, (start, stop)) of the vertical and the horizontal axis."""
    (height, (top, bottom)), (width, (left, right)) = axes
    return (width, height), resample, (left, top, right, bottom)


def compress_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Returns an image, uint8 [H, W, 3], after JPEG compression with halved chroma resolution (4:2:0)."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    with Image.open(file) as compressed:
        return np.asarray(compressed)
