"""What restoring a picture gives."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Restored:
    """What restoring a picture gives.

    Attributes:
      pixels: the mean of the samples, of the picture's shape and dtype.
      spread: the standard deviation of the samples (unbiased, divided by samples − 1), float32 of the picture's shape, in
        8-bit steps; None where it was not asked for.
      samples: each of them, as `pixels`; None where they were not asked for.
      regressions: {k: what the guidance network of scale k regresses}, of the picture's dtype, at 1/2^k of its size, rounded
        up; gray or RGB as the guidance is; None where they were not asked for.
    """

    pixels: np.ndarray
    spread: np.ndarray | None = None
    samples: list[np.ndarray] | None = None
    regressions: dict[int, np.ndarray] | None = None
