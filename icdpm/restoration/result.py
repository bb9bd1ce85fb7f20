"""What restoring a picture gives."""

from __future__ import annotations

import dataclasses

import numpy as np

from icdpm.images.pixels import to_levels


@dataclasses.dataclass(frozen=True)
class Restored:
    """What restoring a picture gives.

    Attributes:
      pixels: the mean of the samples, of the picture's shape and dtype.
      spread: the standard deviation of the samples (unbiased, divided by samples − 1), float32 of the picture's shape, in
        8-bit steps; None where it was not asked for.
      samples: each of them, as `pixels`; None where they were not asked for.
      inside: {name: a picture of what the system makes of the blurry one on its way}, of the picture's dtype, gray or RGB, at
        a whole fraction of its size, rounded up; None where they were not asked for.
      notices: sentences that tell in what they are less than what was asked for.
    """

    pixels: np.ndarray
    spread: np.ndarray | None = None
    samples: list[np.ndarray] | None = None
    inside: dict[str, np.ndarray] | None = None
    notices: tuple[str, ...] = ()


def to_intermediate_outputs(pictures, image):
    """`Restored.inside` of a picture.

    Args:
      pictures: {name: [1, height/s, width/s, 1 or 3] in [−1, 1]}, sizes rounded up.
      image: the picture.
    """
    values = {name: np.asarray(each)[0] for name, each in pictures.items()}
    return {name: to_levels(each[..., 0] if each.shape[-1] == 1 else each, image.dtype) for name, each in values.items()}


class RunningMoments:
    """Running moments of samples of one shape, which may come in strips.

    Args:
      shape: of a sample.
      spread: whether their standard deviation is wanted, which costs half as much memory again.
    """

    def __init__(self, shape, spread):
        self._total = np.zeros(shape, np.float64)
        self._squares = np.zeros(shape, np.float32) if spread else None

    def add(self, number, rows, values):
        """Takes in some rows (a slice) of sample `number`, from 0; those of the samples before it must have come."""
        total = self._total[rows]
        if self._squares is not None and number:
            # Welford (1962): the sum of squares around the mean, without cancellation.
            before = values - total / number
            after = values - (total + values) / (number + 1)
            self._squares[rows] += before * after
        total += values

    def mean(self, count, rows):
        """The mean of `count` samples in some rows."""
        return self._total[rows] / count

    def deviation(self, count, unit):
        """Their standard deviation, unbiased (divided by count − 1), times `unit`. Uses up the sums."""
        squares, self._squares = self._squares, None
        squares *= unit**2 / (count - 1)
        return np.sqrt(squares, out=squares)
