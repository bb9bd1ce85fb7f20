"""What a photo is, once it has left its file."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Photo:
    """An upright picture and what comes with it.

    Attributes:
      pixels: uint8 or uint16, [height, width] where the photo is gray, else [height, width, 3].
      alpha: [height, width] of the pixels' dtype, 0 where the photo is transparent; None where it has no transparency.
      exif: the EXIF block as JPEG files hold it, without an orientation to apply; empty where there is none.
      icc_profile: the ICC profile that the pixels are meant in; empty where there is none (that is, sRGB).
      format: name of the file format it came from, as Pillow calls it.
      notices: sentences that tell what could not be kept as it was.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    exif: bytes = b""
    icc_profile: bytes = b""
    format: str = "PNG"
    notices: tuple[str, ...] = ()

    @property
    def is_gray(self):
        """Whether it has one channel, besides alpha."""
        return self.pixels.ndim == 2

    @property
    def is_deep(self):
        """Whether it has 16 bits a channel."""
        return self.pixels.dtype == np.uint16
