"""Tensors of large pictures, which are held once only."""

from __future__ import annotations

import collections

import tensorflow as tf

# Pixels of a strip: enough for element-wise work to be fast, few enough for its intermediate results to be small.
_PIXELS = 2**18


class Strips:
    """[batch, height, width, channels] as strips of rows, added from above and dropped from above.

    Args:
      scale: its pixels are this many of the picture's to a side. Rows and columns of windows are those of the picture.
    """

    def __init__(self, scale=1):
        self.scale = scale
        self._strips = collections.deque()
        self._bottom = 0

    def append(self, strip):
        """Adds a strip [batch, rows, width, channels] below the others."""
        self._strips.append((self._bottom, strip))
        self._bottom += strip.shape[1]

    def window(self, rows, columns=slice(None)):
        """The tensor in a window, by slices of the picture's rows and columns that begin and end at multiples of `scale`."""
        rows, columns = self._scaled(rows), self._scaled(columns)
        parts = [
            strip[:, max(rows.start - top, 0) : rows.stop - top, columns]
            for top, strip in self._strips
            if top < rows.stop and rows.start < top + strip.shape[1]
        ]
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)

    def whole(self):
        """All of the tensor."""
        return self.window(slice(0, self._bottom * self.scale))

    def drop_above(self, row):
        """Forgets strips that end above a row of the picture or at it."""
        while self._strips and (self._strips[0][0] + self._strips[0][1].shape[1]) * self.scale <= row:
            self._strips.popleft()

    def _scaled(self, side):
        if side.start is None:
            return side
        return slice(side.start // self.scale, side.stop // self.scale)


def strip_rows(rows, width, multiple=1):
    """Divides rows (a slice) of a picture of some width into those of strips, of multiples of `multiple` rows: [slice]."""
    height = max(1, _PIXELS // (width * multiple)) * multiple
    return [slice(first, min(first + height, rows.stop)) for first in range(rows.start, rows.stop, height)]
