"""Pictures too large to be held twice."""

from __future__ import annotations

import collections

import tensorflow as tf

# Pixels of a strip: enough for element-wise work to be fast, few enough for its intermediate results to be small.
_PIXELS = 2**18


class Strips:
    """[batch, height, width, channels] as strips of rows, added from above and dropped from above.

    Rows and columns are those of the whole picture.
    """

    def __init__(self):
        self._strips = collections.deque()
        self._bottom = 0

    def append(self, strip):
        """Adds a strip [batch, rows, width, channels] below the others."""
        self._strips.append((self._bottom, strip))
        self._bottom += strip.shape[1]

    def window(self, rows, columns=slice(None)):
        """The tensor in a window, by slices of rows and columns."""
        parts = [
            strip[:, max(rows.start - top, 0) : rows.stop - top, columns]
            for top, strip in self._strips
            if top < rows.stop and rows.start < top + strip.shape[1]
        ]
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)

    def drop_above(self, row):
        """Forgets strips that end above a row or at it."""
        while self._strips and self._strips[0][0] + self._strips[0][1].shape[1] <= row:
            self._strips.popleft()


def strip_rows(rows, width):
    """Divides rows (a slice) of a picture of some width into those of strips: [slice]."""
    height = max(1, _PIXELS // width)
    return [slice(first, min(first + height, rows.stop)) for first in range(rows.start, rows.stop, height)]
