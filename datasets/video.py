"""Sharp frames of high-speed video that are averaged as they are read: in training, another exposure every time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm_datasets.camera import RESPONSES, Response
from icdpm_datasets.image_files import ImageCache, Size, find_images
from icdpm_datasets.pairs import corner_of

_REACH = 7  # frames to either side of the middle one, at most; GoPro's pairs have 3 to 6
_WHOLE_REACH = 4


class AveragedFrames:
    """The frames of a folder, or of folders with one sequence each, each as the middle of an exposure; a `CropSource`.

    A whole pair is the mean of 9 frames, of fewer at a sequence's ends. A training crop is the mean of 1, 3, … or 15,
    with one of the camera responses; the example's random numbers decide. Frames are decoded as they are wanted, and no more
    of them are kept than `ImageCache` has room for.

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
        self._pictures = ImageCache(path for paths in sequences for path in paths)
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


def find_sequences(folder: Path) -> list[list[tuple[str, Path]]]:
    """[(frame's name, file)] of each folder with frames, in the order of their numbers, which must have no gap."""
    found = defaultdict(list)
    for name, path in find_images(folder).items():
        digits = re.findall(r"\d+", path.stem)
        if not digits:
            raise IcdpmError(f"{path}: no number in its name, so its place in the sequence is unknown")
        found[path.parent].append((int(digits[-1]), name, path))
    for frames in found.values():
        frames.sort()
        for (before, _, _), (after, _, path) in zip(frames, frames[1:]):
            if after != before + 1:
                raise IcdpmError(f"{path}: follows number {before} in its folder; frames are averaged only without gaps")
    return [[(name, path) for _, name, path in frames] for frames in found.values()]


def require_one_size(frames: Sequence[Path], sizes: Mapping[Path, Size]) -> None:
    """Raises IcdpmError, naming two, where the files of frames that are to be averaged have different sizes."""
    for path in frames:
        if sizes[path] != sizes[frames[0]]:
            (width, height), (other_width, other_height) = sizes[frames[0]], sizes[path]
            raise IcdpmError(
                f"{frames[0]} is {width}×{height} px but {path} is {other_width}×{other_height} px; "
                "the frames of a sequence have one size"
            )


def average(frames: Iterable[np.ndarray], response: Response) -> np.ndarray:
    """The picture of an exposure that lasts over all `frames`, uint8 [H, W, 3] each: their mean in light."""
    light, count = 0.0, 0
    for frame in frames:
        light = light + response.decode(frame)
        count += 1
    return response.encode(light / count)
