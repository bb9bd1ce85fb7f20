"""Windows on a picture that overlap, so that a network sees each part of it with its surroundings."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Window:
    """A window along one side of a picture.

    Attributes:
      start, stop: what the network is given, the last one exclusive.
      first, last: the core, the last one exclusive: what of the network's answer counts.
    """

    start: int
    stop: int
    first: int
    last: int

    @property
    def whole(self):
        """The window, as a slice of the picture."""
        return slice(self.start, self.stop)

    @property
    def core(self):
        """The core, as a slice of the picture."""
        return slice(self.first, self.last)

    def faded(self, fade):
        """The core and `fade` pixels beyond each of its ends, but where the picture ends; a slice of the picture."""
        return slice(max(self.first - fade, self.start), min(self.last + fade, self.stop))

    @property
    def core_within(self):
        """The core, as a slice of the window."""
        return slice(self.first - self.start, self.last - self.start)


@dataclasses.dataclass(frozen=True)
class Tiling:
    """How a picture is divided.

    Attributes:
      rows, columns: windows along its sides; each pair of them is a tile.
      fade: how many pixels to each side of where cores meet one tile's answer fades into the other's; 0: it ends there.
    """

    rows: list[Window]
    columns: list[Window]
    fade: int = 0

    @property
    def count(self):
        """The number of tiles."""
        return len(self.rows) * len(self.columns)

    @property
    def longest(self):
        """The longest side of a tile."""
        return max(self.rows[0].stop, self.columns[0].stop)

    @property
    def height(self):
        """Of the picture."""
        return self.rows[-1].stop

    @property
    def width(self):
        """Of the picture."""
        return self.columns[-1].stop


def scaled(side, scale):
    """A slice of a picture as one of a map whose pixels are `scale` of the picture's to a side."""
    return slice(side.start // scale, side.stop // scale)


def divide(height, width, tile, margin, factor=1, fades=False):
    """The Tiling of a picture into tiles of at most `tile`×`tile` pixels, margins included.

    `fades`: over their margins tiles fade into each other, or over less where cores are smaller.
    """
    rows, columns = cover(height, tile, margin, factor), cover(width, tile, margin, factor)
    smallest = min(window.last - window.first for window in (*rows, *columns))
    return Tiling(rows, columns, min(margin, smallest // 2) if fades else 0)


def cover(length, longest, margin, factor=1):
    """Covers a side of a picture with windows, all of one length, whose cores share it out.

    The margin lies between a core and its window's ends, except where the picture itself ends: there the network pads as it
    does with the whole picture.

    Args:
      length: of the side; a multiple of `factor`, as are `longest` and `margin`.
      longest: a window may have; more than 2·margin.
      margin: the least that a window has beyond its core.
      factor: windows and cores begin and end at multiples of it.

    Returns:
      [Window], as few and as short as can be.
    """
    if length <= longest:
        return [Window(0, length, 0, length)]
    count = -(-(length - 2 * margin) // (longest - 2 * margin))
    side = -(-(length + (count - 1) * 2 * margin) // (count * factor)) * factor
    starts = [(length - side) * i // ((count - 1) * factor) * factor for i in range(count)]
    # In the middle of what two windows share.
    cuts = [(here + side - there) // (2 * factor) * factor + there for here, there in zip(starts, starts[1:])]
    return [Window(start, start + side, *core) for start, core in zip(starts, zip([0, *cuts], [*cuts, length]))]
