"""Frames of video: in which sequences they lie, and the picture of an exposure that lasts over some of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm_datasets.picture_files import Size, find_pictures
from icdpm_datasets.response import Response


def find_sequences(folder: Path) -> list[list[tuple[str, Path]]]:
    """[(frame's name, file)] of each folder with frames, in the order of their numbers, which must have no gap."""
    found = defaultdict(list)
    for name, path in find_pictures(folder).items():
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
