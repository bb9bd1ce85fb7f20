"""Mean and standard deviation of pictures that come one after the other."""

import numpy as np


class Moments:
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
