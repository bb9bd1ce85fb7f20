"""Tiling of large images: overlapping windows for a network, blending of their outputs, and tensors kept as strips of rows."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from icdpm.images.pixels import to_values

# Pixels of a strip: enough for element-wise operations to be fast, few enough for their intermediate results to be small.
STRIP_PIXELS = 2**18


@dataclasses.dataclass(frozen=True)
class Window:
    """An interval along one side of an image, with the core whose outputs are used.

    Attributes:
      start, stop: the pixels that the network receives; `stop` is exclusive.
      core_start, core_stop: the pixels for which the network's output is used; `core_stop` is exclusive.
    """

    start: int
    stop: int
    core_start: int
    core_stop: int

    @property
    def extent(self) -> slice:
        """The window as a slice of the image."""
        return slice(self.start, self.stop)

    @property
    def core(self) -> slice:
        """The core as a slice of the image."""
        return slice(self.core_start, self.core_stop)

    @property
    def core_in_window(self) -> slice:
        """The core as a slice of the window."""
        return self.core_with_blend_in_window(0)

    def core_with_blend(self, blend: int) -> slice:
        """Returns the core widened by `blend` pixels at each end, but not beyond the image, as a slice of the image."""
        return slice(max(self.core_start - blend, self.start), min(self.core_stop + blend, self.stop))

    def core_with_blend_in_window(self, blend: int) -> slice:
        """Returns the same pixels as `core_with_blend`, as a slice of the window."""
        widened = self.core_with_blend(blend)
        return slice(widened.start - self.start, widened.stop - self.start)


@dataclasses.dataclass(frozen=True)
class Tiling:
    """Division of an image into tiles.

    Attributes:
      rows, columns: windows along the two sides; every pair of a row and a column is a tile.
      blend: pixels on either side of a boundary between cores over which the outputs of neighboring tiles are blended. With 0
        each output ends at the boundary.
    """

    rows: list[Window]
    columns: list[Window]
    blend: int = 0

    @property
    def count(self) -> int:
        """The number of tiles."""
        return len(self.rows) * len(self.columns)

    @property
    def longest_side(self) -> int:
        """The longer side of a tile, in pixels."""
        return max(self.rows[0].stop, self.columns[0].stop)

    @property
    def height(self) -> int:
        """The height of the image, in pixels."""
        return self.rows[-1].stop

    @property
    def width(self) -> int:
        """The width of the image, in pixels."""
        return self.columns[-1].stop


def make_tiling(height: int, width: int, tile: int, overlap: int, multiple: int = 1, blends: bool = False) -> Tiling:
    """Returns the tiling of an image into tiles of at most `tile`×`tile` pixels, overlaps included.

    Args:
      height: height of the image in pixels, a multiple of `multiple`, as are `width`, `tile` and `overlap`.
      width: width of the image in pixels.
      tile: longest side of a tile in pixels; more than 2·`overlap`.
      overlap: smallest distance in pixels from the core of a tile to its edges within the image.
      multiple: tiles and cores begin and end at multiples of this number.
      blends: whether the outputs of neighboring tiles are blended over their overlap, or over less where cores are smaller.
    """
    rows, columns = make_windows(height, tile, overlap, multiple), make_windows(width, tile, overlap, multiple)
    smallest = min(window.core_stop - window.core_start for window in (*rows, *columns))
    return Tiling(rows, columns, min(overlap, smallest // 2) if blends else 0)


def make_windows(length: int, longest: int, overlap: int, multiple: int = 1) -> list[Window]:
    """Covers one side of an image with windows of equal length whose cores partition it.

    The overlap lies between a core and the ends of its window, except at the edges of the image, where the network pads as it
    does for the whole image.

    Args:
      length: the length of the side in pixels, a multiple of `multiple`, as are `longest` and `overlap`.
      longest: the maximum length of a window; more than 2·`overlap`.
      overlap: the minimum number of pixels of a window beyond its core, per side; neighboring windows share twice as many.
      multiple: windows and cores begin and end at multiples of this number.

    Returns:
      As few windows as possible, each as short as possible.
    """
    if length <= longest:
        return [Window(0, length, 0, length)]
    count = -(-(length - 2 * overlap) // (longest - 2 * overlap))
    side = -(-(length + (count - 1) * 2 * overlap) // (count * multiple)) * multiple
    starts = [(length - side) * i // ((count - 1) * multiple) * multiple for i in range(count)]
    # Boundaries lie in the middle of the pixels that two windows share.
    cuts = [(first + side - second) // (2 * multiple) * multiple + second for first, second in zip(starts, starts[1:])]
    return [Window(start, start + side, *core) for start, core in zip(starts, zip([0, *cuts], [*cuts, length]))]


def scale_slice(pixels: slice, scale: int) -> slice:
    """Converts a slice of an image's pixels to a slice of a map with 1/`scale` of its resolution."""
    return slice(pixels.start // scale, pixels.stop // scale)


def blend_parts(parts: Sequence[tf.Tensor | None], blend: int, axis: int) -> tf.Tensor:
    """Concatenates overlapping parts of a map; their weights change linearly over the overlaps, so that no seam is visible.

    Args:
      parts: float32 [batch, height, width, channels] each; None is skipped. The last 2·`blend` pixels of a part coincide with
        the first ones of the next.
      blend: half the overlap in pixels; 0: the parts are concatenated.
      axis: 1 for rows, 2 for columns.
    """
    parts = [part for part in parts if part is not None]
    if len(parts) == 1:
        return parts[0]
    if not blend:
        return tf.concat(parts, axis)
    overlap = 2 * blend
    # The weight of the next part is strictly between 0 and 1 wherever both parts have values.
    weight = tf.reshape((tf.range(overlap, dtype=tf.float32) + 0.5) / overlap, [-1, 1, 1] if axis == 1 else [-1, 1])

    def cut(part, start, stop):
        return part[:, start:stop] if axis == 1 else part[:, :, start:stop]

    joined = [cut(parts[0], None, -overlap)]
    for before, part in zip(parts, parts[1:]):
        joined.append((1.0 - weight) * cut(before, -overlap, None) + weight * cut(part, None, overlap))
        joined.append(cut(part, overlap, None if part is parts[-1] else -overlap))
    return tf.concat(joined, axis)


class RowStrips:
    """Tensor [batch, height, width, channels] stored as strips of rows, appended at the bottom and dropped from the top.

    Args:
      scale: the side of one of its pixels, in pixels of the image. Rows and columns of windows are those of the image.
    """

    def __init__(self, scale: int = 1) -> None:
        self.scale = scale
        self._strips: collections.deque = collections.deque()
        self._bottom = 0

    def append(self, strip: tf.Tensor) -> None:
        """Appends a strip [batch, rows, width, channels] at the bottom."""
        self._strips.append((self._bottom, strip))
        self._bottom += strip.shape[1]

    def window(self, rows: slice, columns: slice = slice(None)) -> tf.Tensor:
        """Returns the values in a window, given by slices of the image that begin and end at multiples of `scale`."""
        rows, columns = self._scaled(rows), self._scaled(columns)
        parts = [
            strip[:, max(rows.start - top, 0) : rows.stop - top, columns]
            for top, strip in self._strips
            if top < rows.stop and rows.start < top + strip.shape[1]
        ]
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)

    def whole(self) -> tf.Tensor:
        """Returns the whole tensor."""
        return self.window(slice(0, self._bottom * self.scale))

    def drop_above(self, row: int) -> None:
        """Releases the strips that end at a row of the image or above it."""
        while self._strips and (self._strips[0][0] + self._strips[0][1].shape[1]) * self.scale <= row:
            self._strips.popleft()

    def _scaled(self, pixels: slice) -> slice:
        return pixels if pixels.start is None else scale_slice(pixels, self.scale)


def split_rows(rows: slice, width: int, multiple: int = 1) -> list[slice]:
    """Splits rows of an image into strips of about `STRIP_PIXELS` pixels whose heights are multiples of `multiple` rows."""
    height = max(1, STRIP_PIXELS // (width * multiple)) * multiple
    return [slice(first, min(first + height, rows.stop)) for first in range(rows.start, rows.stop, height)]


class LazyImage:
    """Image whose float values are computed one window at a time, which takes a third or less of the memory.

    Args:
      pixels: uint8 or uint16 [height, width, 3], or gray [height, width].

    Attributes:
      height, width: the size in pixels.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        self._pixels = pixels
        self.height, self.width = pixels.shape[:2]

    def window(self, rows: slice, columns: slice = slice(None)) -> np.ndarray:
        """Returns the values in a window, float32 [1, rows, columns, 3] in [−1, 1]."""
        return to_values(self._pixels[rows, columns])[None]
