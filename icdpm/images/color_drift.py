"""Color drift: differences in light between a restored image and its input at a scale that blur does not change.

Blur averages light, so a region much wider than the blur keeps its light, and so must its restoration. The sums compared are of
linear light, not of sRGB values: these are concave in light, so that blur raises their mean and a correct restoration lowers it
again.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from icdpm.images.srgb import light_tables

# Regions are a sixteenth of the image's longer side, as the blur of a photo grows with its resolution, and at least 64 pixels.
_REGIONS = 16
_SMALLEST_REGION = 64


@dataclasses.dataclass(frozen=True)
class ColorDrift:
    """Differences of color between a restored image and its input, in gray levels (0–255) of sRGB.

    Attributes:
      mean_error: float64 [channels], the mean of restored − input.
      offsets: float64 [rows, columns, channels], the offset of each region that would give it the light of the input.
    """

    mean_error: np.ndarray
    offsets: np.ndarray

    @property
    def largest(self) -> float:
        """Largest absolute offset of a region, in gray levels (0–255)."""
        return float(np.abs(self.offsets).max())

    def __str__(self) -> str:
        names = ("red", "green", "blue") if len(self.mean_error) == 3 else ("gray",)
        errors = ", ".join(f"{name} {error:+.2f}" for name, error in zip(names, self.mean_error))
        mean, largest = f"mean difference from the input {errors}", f"largest difference of a region {self.largest:.2f}"
        return f"{mean}, {largest}, in gray levels (0–255)"


def measure_drift(blurry: np.ndarray, restored: np.ndarray) -> ColorDrift:
    """Measures the color drift between two images.

    Args:
      blurry: the input, uint8 or uint16 sRGB [height, width, 3], or gray [height, width].
      restored: its restoration, of the same shape and dtype.
    """
    blurry, restored = _with_channels(blurry), _with_channels(restored)
    rows, columns = (_region_edges(length, blurry.shape) for length in blurry.shape[:2])
    light, slope = light_tables(blurry.dtype)
    errors, offsets = [], []
    for top, bottom in zip(rows[:-1], rows[1:]):
        before, after = blurry[top:bottom], restored[top:bottom]
        errors.append(np.subtract(after, before, dtype=np.float64).sum(axis=(0, 1)))
        # One step of Newton's method is exact enough for offsets as small as drift.
        offsets.append(_column_sums(light[before] - light[after], columns) / _column_sums(slope[after], columns))
    height, width = blurry.shape[:2]
    steps = np.iinfo(blurry.dtype).max / 255
    return ColorDrift(np.sum(errors, axis=0) / (height * width * steps), np.stack(offsets) * 255)


def match_color(blurry: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Removes the color drift of a restored image.

    The correction interpolates the offsets of the regions between their centers, so it is too smooth to change detail.

    Args:
      blurry: the input, uint8 or uint16 sRGB [height, width, 3], or gray [height, width].
      restored: its restoration, of the same shape and dtype.

    Returns:
      The corrected image, of the shape and dtype of `restored`.
    """
    offsets = measure_drift(blurry, restored).offsets
    pixels = _with_channels(restored)
    rows, columns = (_interpolation_weights(_region_edges(length, pixels.shape)) for length in pixels.shape[:2])
    most = np.iinfo(pixels.dtype).max
    across = np.einsum("rcx,wc->rwx", offsets * (most / 255), columns)
    matched = np.empty_like(pixels)
    for y, weights in enumerate(rows):
        # Row by row, to save memory.
        matched[y] = np.clip(np.round(pixels[y] + np.tensordot(weights, across, axes=1)), 0, most)
    return matched.reshape(restored.shape)


def _with_channels(image):
    return image[..., None] if image.ndim == 2 else image


def _region_edges(length, shape):
    """Returns the edges of the regions along a side of an image."""
    count = max(1, round(length / max(_SMALLEST_REGION, max(shape[:2]) / _REGIONS)))
    return np.round(np.linspace(0, length, count + 1)).astype(int)


def _column_sums(values, columns):
    """Sums [height, width, channels] over the height and each range of columns to [ranges, channels]."""
    return np.add.reduceat(values.sum(axis=0, dtype=np.float64), columns[:-1], axis=0)


def _interpolation_weights(edges):
    """Returns weights [length, regions] of linear interpolation between regions' centers, constant beyond the outer ones."""
    centers = (edges[:-1] + edges[1:] - 1) / 2
    return np.stack([np.interp(np.arange(edges[-1]), centers, one) for one in np.eye(len(centers))], axis=1)
