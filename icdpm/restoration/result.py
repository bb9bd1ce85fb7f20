"""Result of a restoration, and the running moments of its samples. No TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from icdpm.images.color_drift import match_color
from icdpm.images.hidden_pixels import restore_hidden
from icdpm.images.pixels import to_levels


@dataclasses.dataclass(frozen=True)
class Restored:
    """Result of a restoration.

    Attributes:
      pixels: mean of the samples, of the input's shape and dtype.
      spread: standard deviation of the samples (unbiased, divided by samples − 1) in gray levels (0–255), float32 of the
        input's shape; `None` if it was not requested.
      samples: the samples, each as `pixels`; `None` if they were not requested.
      intermediate_outputs: {name: intermediate output of the model}, images of the input's dtype, gray or RGB, at an integer
        fraction of its size, rounded up; `None` if they were not requested.
      notices: messages about how the result differs from the request.
    """

    pixels: np.ndarray
    spread: np.ndarray | None = None
    samples: list[np.ndarray] | None = None
    intermediate_outputs: dict[str, np.ndarray] | None = None
    notices: tuple[str, ...] = ()

    def match_color(self, blurry: np.ndarray) -> Restored:
        """Returns the result with the color drift of its pixels and samples removed (`icdpm.images.color_drift`).

        Args:
          blurry: the input.
        """
        samples = self.samples and [match_color(blurry, sample) for sample in self.samples]
        return dataclasses.replace(self, pixels=match_color(blurry, self.pixels), samples=samples)

    def restore_hidden(self, blurry: np.ndarray, alpha: np.ndarray | None) -> Restored:
        """Returns the result with the colors of the input where it is invisible (`icdpm.images.hidden_pixels`).

        Args:
          blurry: the input.
          alpha: its opacity, or `None`.
        """
        samples = self.samples and [restore_hidden(sample, blurry, alpha) for sample in self.samples]
        return dataclasses.replace(self, pixels=restore_hidden(self.pixels, blurry, alpha), samples=samples)


def to_intermediate_outputs(outputs: Mapping[str, npt.ArrayLike], image: np.ndarray) -> dict[str, np.ndarray]:
    """Converts a model's intermediate outputs to `Restored.intermediate_outputs`.

    Args:
      outputs: {name: [1, height/s, width/s, 1 or 3] in [−1, 1]}, sizes rounded up.
      image: the input, which has the dtype of the result.
    """
    values = {name: np.asarray(each)[0] for name, each in outputs.items()}
    return {name: to_levels(each[..., 0] if each.shape[-1] == 1 else each, image.dtype) for name, each in values.items()}


class RunningMoments:
    """Running mean and standard deviation of samples of one shape, which may be added in strips of rows.

    Args:
      shape: shape of a sample.
      spread: whether to compute the standard deviation, which takes half as much memory in addition.
    """

    def __init__(self, shape: tuple[int, ...], spread: bool) -> None:
        self._total = np.zeros(shape, np.float64)
        self._squares = np.zeros(shape, np.float32) if spread else None

    def add(self, number: int, rows: slice, values: np.ndarray) -> None:
        """Adds rows of sample `number`, counted from 0. Rows of earlier samples must have been added before."""
        total = self._total[rows]
        if self._squares is not None and number:
            # Welford (1962): the sum of squares around the mean, without cancellation.
            before = values - total / number
            after = values - (total + values) / (number + 1)
            self._squares[rows] += before * after
        total += values

    def mean(self, count: int, rows: slice) -> np.ndarray:
        """Returns the mean of `count` samples in some rows."""
        return self._total[rows] / count

    def deviation(self, count: int, unit: float) -> np.ndarray:
        """Returns the unbiased standard deviation of `count` samples times `unit`, float32. Can be called once."""
        squares, self._squares = self._squares, None
        assert squares is not None
        squares *= unit**2 / (count - 1)
        return np.sqrt(squares, out=squares)
