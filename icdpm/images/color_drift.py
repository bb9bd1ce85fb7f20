"""Drift of colour: where a restored picture has not the light of its input, at a scale that blur does not reach.

Blur averages light, so a region much wider than the blur keeps its light, and so must its restoration. Sums of light
are compared, not of sRGB values: these are concave in light, so that blur raises their mean, and a restoration is right to
lower it again.
"""

import dataclasses

import numpy as np

from icdpm.srgb import light_tables

# Regions are a sixteenth of the picture's longer side, as the blur of a photo grows with its resolution, and wider than the
# blur of small ones.
_REGIONS = 16
_SMALLEST_REGION = 64


@dataclasses.dataclass(frozen=True)
class Drift:
    """How the colours of a restored picture differ from its input's, in 8-bit steps of sRGB.

    Attributes:
      mean_error: float64 [channels], the mean of restored − input.
      offsets: float64 [rows, columns, channels], what would give each region of the restored picture its input's light.
    """

    mean_error: np.ndarray
    offsets: np.ndarray

    @property
    def largest(self):
        """The largest deviation of a region, in 8-bit steps."""
        return float(np.abs(self.offsets).max())

    def __str__(self):
        names = ("red", "green", "blue") if len(self.mean_error) == 3 else ("gray",)
        errors = ", ".join(f"{name} {error:+.2f}" for name, error in zip(names, self.mean_error))
        return f"mean error {errors}, largest deviation of the low frequencies {self.largest:.2f}, in 8-bit steps"


def measure_drift(blurry, restored):
    """The Drift between two pictures of one kind: uint8 or uint16 sRGB [height, width, 3], or gray [height, width]."""
    blurry, restored = _with_channels(blurry), _with_channels(restored)
    rows, columns = (_edges(length, blurry.shape) for length in blurry.shape[:2])
    light, slope = light_tables(blurry.dtype)
    errors, offsets = [], []
    for top, bottom in zip(rows[:-1], rows[1:]):
        given, made = blurry[top:bottom], restored[top:bottom]
        errors.append(np.subtract(made, given, dtype=np.float64).sum(axis=(0, 1)))
        # One step of Newton's method; where the offset is small, as drift is, it is exact enough.
        offsets.append(_sums(light[given] - light[made], columns) / _sums(slope[made], columns))
    height, width = blurry.shape[:2]
    steps = np.iinfo(blurry.dtype).max / 255
    return Drift(np.sum(errors, axis=0) / (height * width * steps), np.stack(offsets) * 255)


def match_color(blurry, restored):
    """The restored picture with its drift taken out, of its shape and dtype; arguments as of `measure_drift`.

    What is added is the offsets of the regions, interpolated between their centres: too smooth to change detail.
    """
    offsets = measure_drift(blurry, restored).offsets
    made = _with_channels(restored)
    rows, columns = (_hats(_edges(length, made.shape)) for length in made.shape[:2])
    most = np.iinfo(made.dtype).max
    across = np.einsum("rcx,wc->rwx", offsets * (most / 255), columns)
    matched = np.empty_like(made)
    for y, hat in enumerate(rows):
        # Row by row: large pictures stay small in memory.
        matched[y] = np.clip(np.round(made[y] + np.tensordot(hat, across, axes=1)), 0, most)
    return matched.reshape(restored.shape)


def match_restored(blurry, restored):
    """A Restored with the drift of its pixels, and of each sample that it holds, taken out."""
    samples = restored.samples and [match_color(blurry, sample) for sample in restored.samples]
    return dataclasses.replace(restored, pixels=match_color(blurry, restored.pixels), samples=samples)


def _with_channels(picture):
    return picture[..., None] if picture.ndim == 2 else picture


def _edges(length, shape):
    """Where the regions along a side of a picture of this shape begin and end."""
    count = max(1, round(length / max(_SMALLEST_REGION, max(shape[:2]) / _REGIONS)))
    return np.round(np.linspace(0, length, count + 1)).astype(int)


def _sums(values, columns):
    """Sums of [height, width, channels] over the height and each range of columns: [ranges, channels]."""
    return np.add.reduceat(values.sum(axis=0, dtype=np.float64), columns[:-1], axis=0)


def _hats(edges):
    """Weights [length, regions] that interpolate between the regions' centres; beyond the outer ones, a constant."""
    centres = (edges[:-1] + edges[1:] - 1) / 2
    return np.stack([np.interp(np.arange(edges[-1]), centres, one) for one in np.eye(len(centres))], axis=1)
