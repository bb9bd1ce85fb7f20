"""Sharp frames of high-speed video that are averaged as they are read: in training, another exposure every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm_datasets.pairs import corner_of
from icdpm_datasets.prepare.frames import average, find_sequences
from icdpm_datasets.prepare.pictures import read_picture
from icdpm_datasets.prepare.response import RESPONSES

_REACH = 7  # frames to either side of the middle one, at most; GoPro's pairs have 3 to 6
_WHOLE_REACH = 4


class AveragedFrames:
    """The frames of a folder, or of folders with one sequence each, each as the middle of an exposure; a `CropSource`.

    A whole pair is the mean of 9 frames, of fewer at a sequence's ends. A training crop is the mean of 1, 3, … or 15,
    with one of the camera responses; the example's random numbers decide.

    Attributes:
      names: the paths below the folder without ending and with hyphens for slashes.
      description: one line for logs.
    """

    def __init__(self, folder: Path):
        """Finds the frames. Raises IcdpmError where there are none or their numbers have gaps."""
        sequences = find_sequences(folder)
        self._places = [(frames, place) for frames in sequences for place in range(len(frames))]
        self.names = [frames[place][0] for frames, place in self._places]
        self.description = f"{len(self)} frames in {folder}, averaged with their neighbours"
        self._kept: dict[Path, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.names)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The pair (blurry, sharp) at `index`, uint8 [H, W, 3]."""
        frames = self._around(index, _WHOLE_REACH)
        return average(frames, RESPONSES["linear"]), frames[len(frames) // 2]

    def load_crop(self, index: int, crop: int, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `icdpm_datasets.pairs.load_crop`; all of `bits` decide how many frames are averaged, and how."""
        rng = np.random.default_rng(bits)
        frames = self._around(index, int(rng.integers(_REACH + 1)))
        sharp = frames[len(frames) // 2]
        top, left = corner_of(bits, sharp.shape[:2], crop)
        pieces = [frame[top : top + crop, left : left + crop] for frame in frames]
        return average(pieces, RESPONSES[rng.choice(list(RESPONSES))]), pieces[len(pieces) // 2]

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError where the frames are narrower or lower than `crop` pixels."""
        for frames, place in self._places:
            height, width, _ = self._frame(frames[place][1]).shape
            if min(height, width) < crop:
                raise IcdpmError(f"{frames[place][1]} is {width}×{height} px, too small for crops of {crop} px: remove it")

    def _around(self, index: int, reach: int) -> list[np.ndarray]:
        """The frame at `index` and as many on either side of it, `reach` where the sequence has them."""
        frames, place = self._places[index]
        reach = min(reach, place, len(frames) - 1 - place)
        return [self._frame(path) for _, path in frames[place - reach : place + reach + 1]]

    def _frame(self, path: Path) -> np.ndarray:
        if path not in self._kept:
            self._kept[path] = read_picture(path)
        return self._kept[path]
