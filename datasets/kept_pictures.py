"""The pictures of many files, of which no more than so many bytes are kept decoded."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm_datasets.picture_files import picture_size, read_picture

_ROOM = 256 << 20  # bytes


class KeptPictures:
    """Picture files: their sizes from the start, their pixels as they are wanted.

    Decoded pictures stay in memory until 256 MiB are full. Each epoch wants every picture once, so the first ones are
    kept for good, which serves some of them from memory; dropping the oldest instead would serve none.

    Attributes:
      sizes: {file: (width, height)}.
    """

    def __init__(self, paths: Iterable[Path]):
        """Reads the header of every file. Raises IcdpmError, naming it, where one is no picture of 8 bits."""
        self.sizes = {path: picture_size(path) for path in paths}
        self._kept: dict[Path, np.ndarray] = {}
        self._room = _ROOM
        self._lock = threading.Lock()

    def read(self, path: Path) -> np.ndarray:
        """The pixels of one of the files, upright, uint8 [H, W, 3], read-only; several threads may ask at once.

        Raises IcdpmError where the file is damaged or truncated, or has another size than in the beginning.
        """
        if path in self._kept:
            return self._kept[path]
        pixels = read_picture(path)
        height, width, _ = pixels.shape
        if (width, height) != self.sizes[path]:
            raise IcdpmError(
                "{} is {}×{} px and was {}×{} px when the folder was opened: if nobody changed it, save it again without "
                "EXIF orientation".format(path, width, height, *self.sizes[path])
            )
        pixels.setflags(write=False)
        with self._lock:
            if path not in self._kept and pixels.nbytes <= self._room:
                self._room -= pixels.nbytes
                self._kept[path] = pixels
        return pixels

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError where a picture is narrower or lower than `crop` pixels."""
        for path, (width, height) in self.sizes.items():
            if min(width, height) < crop:
                raise IcdpmError(
                    f"{path} is {width}×{height} px, too small for crops of {crop} px: remove it or use smaller crops"
                )
