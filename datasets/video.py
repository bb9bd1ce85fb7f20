"""High-speed video whose sharp frames are averaged to blurry images, in training over a different exposure each time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm_datasets.camera import RESPONSES, Response
from icdpm_datasets.image_files import ImageCache, check_equal_sizes, find_images
from icdpm_datasets.pairs import crop_corner

_MAX_RADIUS = 7  # most frames on either side of the middle one; GoPro's pairs have 3 to 6
_WHOLE_RADIUS = 4


class AveragedFrames:
    """Frames of a folder, or of folders with one sequence each, each as the middle of an exposure; a `CropSource`.

    A whole pair is the mean of 9 frames, of fewer at the ends of a sequence. A training crop is the mean of 1, 3, … or 15
    frames with one of the camera responses, which the example's random numbers determine. Frames are decoded when they are
    needed, and an `ImageCache` bounds how many are kept.

    Args:
      folder: the folder, of which every image's header is read.

    Attributes:
      names: paths below the folder without suffix, with hyphens in place of slashes.
      description: one line for logs.

    Raises:
      IcdpmError: the folder has no frames, a sequence has a gap or several sizes, or a file is not an image with 8 bits per
        channel.
    """

    def __init__(self, folder: Path) -> None:
        found = find_sequences(folder)
        self.names = [name for frames in found for name, _ in frames]
        sequences = [[path for _, path in frames] for frames in found]
        self._images = ImageCache(path for paths in sequences for path in paths)
        for paths in sequences:
            check_equal_sizes("frames of a sequence", paths, self._images.sizes)
        self._positions = [(paths, position) for paths in sequences for position in range(len(paths))]
        self.description = f"{len(self)} frames in {folder}, averaged with their neighbours"

    def __len__(self) -> int:
        return len(self.names)

    def files(self, index: int) -> list[Path]:
        return self._neighbors(index, _WHOLE_RADIUS)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        paths = self.files(index)
        # One frame after another: a dozen large ones at once, on every thread, would fill the memory.
        return average(map(self._images.read, paths), RESPONSES["linear"]), self._images.read(paths[len(paths) // 2])

    def load_crop(self, index: int, crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns a training crop; see `icdpm_datasets.pairs.load_crop`. All of `random_ints` determine the exposure."""
        rng = np.random.default_rng(random_ints)
        paths = self._neighbors(index, int(rng.integers(_MAX_RADIUS + 1)))
        width, height = self._images.sizes[paths[0]]
        top, left = crop_corner(random_ints, (height, width), crop)
        # Copies, as views would keep the whole frames in memory.
        crops = [self._images.read(path)[top : top + crop, left : left + crop].copy() for path in paths]
        return average(crops, RESPONSES[rng.choice(list(RESPONSES))]), crops[len(crops) // 2]

    def check_crop(self, crop: int) -> None:
        self._images.check_crop(crop)

    def _neighbors(self, index: int, radius: int) -> list[Path]:
        """Returns the frame at `index` with up to `radius` frames on either side, equally many on both."""
        paths, position = self._positions[index]
        radius = min(radius, position, len(paths) - 1 - position)
        return paths[position - radius : position + radius + 1]


def find_sequences(folder: Path) -> list[list[tuple[str, Path]]]:
    """Finds the frames in a folder and its subfolders.

    Returns:
      [(name, file)] of each folder with frames, in the order of the last numbers in their names.

    Raises:
      IcdpmError: the folder has no images, a name has no number, or numbers are missing.
    """
    found = defaultdict(list)
    for name, path in find_images(folder).items():
        digits = re.findall(r"\d+", path.stem)
        if not digits:
            raise IcdpmError(f"{path} has no number in its name, so its position in the sequence is unknown. Rename it.")
        found[path.parent].append((int(digits[-1]), name, path))
    for frames in found.values():
        frames.sort()
        for (before, _, _), (after, _, path) in zip(frames, frames[1:]):
            if after != before + 1:
                raise IcdpmError(f"{path} follows frame number {before} in its folder. Frames must be numbered without gaps.")
    return [[(name, path) for _, name, path in frames] for frames in found.values()]


def average(frames: Iterable[np.ndarray], response: Response) -> np.ndarray:
    """Averages frames, uint8 [H, W, 3], in light, as an exposure over all of them would."""
    light: np.ndarray | float = 0.0
    count = 0
    for frame in frames:
        light = light + response.decode(frame)
        count += 1
    return response.encode(light / count)
