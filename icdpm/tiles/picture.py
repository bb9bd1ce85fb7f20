"""A picture as networks take it, made of the integers of its file only where it is looked at."""

from icdpm.images.values import to_values


class Picture:
    """float32 [1, height, width, 3] in [−1, 1], in windows; as a whole it is held in a third or less of that memory.

    Args:
      pixels: uint8 or uint16 [height, width, 3], or gray [height, width].

    Attributes:
      height, width: in pixels.
    """

    def __init__(self, pixels):
        self._pixels = pixels
        self.height, self.width = pixels.shape[:2]

    def window(self, rows, columns=slice(None)):
        """The values in a window, by slices of rows and columns."""
        return to_values(self._pixels[rows, columns])[None]
