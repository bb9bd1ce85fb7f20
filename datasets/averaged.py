"""Sharp frames of high-speed video that are averaged as they are read: in training, another exposure every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from icdpm_datasets.kept_pictures import KeptPictures
from icdpm_datasets.pairs import corner_of
from icdpm_datasets.response import RESPONSES
from icdpm_datasets.video import average, find_sequences, require_one_size

_REACH = 7  # frames to either side of the middle one, at most; GoPro's pairs have 3 to 6
_WHOLE_REACH = 4


class AveragedFrames:
    """The frames of a folder, or of folders with one sequence each, each as the middle of an exposure; a `CropSource`.

    A whole pair is the mean of 9 frames, of fewer at a sequence's ends. A training crop is the mean of 1, 3, … or 15,
    with one of the camera responses; the example's random numbers decide. Frames are decoded as they are wanted, and no more
    of them are kept than `KeptPictures` has room for.

    Attributes:
      names: the paths below the folder without ending and with hyphens for slashes.
      description: one line for logs.
    """

    def __init__(self, folder: Path):
        """Finds the frames and reads their headers.

        Raises IcdpmError where there are none, their numbers have gaps, a file is no picture of 8 bits, or a sequence has two
        sizes.
        """
        found = find_sequences(folder)
        self.names = [name for frames in found for name, _ in frames]
        sequences = [[path for _, path in frames] for frames in found]
        self._pictures = KeptPictures(path for paths in sequences for path in paths)
        for paths in sequences:
            require_one_size(paths, self._pictures.sizes)
        self._places = [(paths, place) for paths in sequences for place in range(len(paths))]
        self.description = f"{len(self)} frames in {folder}, averaged with their neighbours"

    def __len__(self) -> int:
        return len(self.names)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The pair (blurry, sharp) at `index`, uint8 [H, W, 3]."""
        paths = self._around(index, _WHOLE_REACH)
        # One frame after another: a dozen large ones at once, on every thread, would fill the memory.
        return average(map(self._pictures.read, paths), RESPONSES["linear"]), self._pictures.read(paths[len(paths) // 2])

    def load_crop(self, index: int, crop: int, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `icdpm_datasets.pairs.load_crop`; all of `bits` decide how many frames are averaged, and how."""
        rng = np.random.default_rng(bits)
        paths = self._around(index, int(rng.integers(_REACH + 1)))
        width, height = self._pictures.sizes[paths[0]]
        top, left = corner_of(bits, (height, width), crop)
        # Copies, as a view of a piece would keep its whole frame.
        pieces = [self._pictures.read(path)[top : top + crop, left : left + crop].copy() for path in paths]
        return average(pieces, RESPONSES[rng.choice(list(RESPONSES))]), pieces[len(pieces) // 2]

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError where the frames are narrower or lower than `crop` pixels."""
        self._pictures.check_crop(crop)

    def _around(self, index: int, reach: int) -> list[Path]:
        """The frame at `index` and as many on either side of it, `reach` where the sequence has them."""
        paths, place = self._places[index]
        reach = min(reach, place, len(paths) - 1 - place)
        return paths[place - reach : place + reach + 1]
