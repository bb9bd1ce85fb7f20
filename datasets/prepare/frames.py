"""Pairs from video: the mean of some consecutive sharp frames is the blurry picture, the middle frame the sharp one.

GoPro (Nah et al., 2017), HIDE and REDS were made so.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm_datasets.console import progress, warn
from icdpm_datasets.prepare.interpolation import frames_between
from icdpm_datasets.prepare.pair_folder import PairFolder
from icdpm_datasets.prepare.pictures import find_pictures, read_picture
from icdpm_datasets.prepare.response import RESPONSES, Response


def prepare_frames(
    source: str, output: str, window: int, stride: int, response: str = "linear", interpolate: int = 0
) -> str:
    """Averages frames into pairs named for their middle frames; returns a line that says what was made.

    Args:
      source: a folder of frames, or of folders with the frames of one sequence each, named by consecutive numbers.
      output: the folder of pairs.
      window: frames to a pair, at least 2. The middle one is number window // 2, counted from 0.
      stride: frames from the start of one pair to the start of the next.
      response: of the camera, a key of RESPONSES; frames are averaged in light.
      interpolate: frames to put between every two, by optical flow; 0 for none.

    Raises IcdpmError for a gap in a sequence's numbers, frames of different sizes, damaged frames, and sequences that
    are all shorter than the window.
    """
    folder = Path(source).expanduser()
    windows = _windows(find_sequences(folder), window, stride)
    if not windows:
        raise IcdpmError(f"{folder}: no sequence has the {window} frames of one pair; choose a smaller --window")
    settings = {"made_by": "icdpm-prepare frames", "source": str(folder.resolve()), "window": window, "stride": stride}
    settings |= {"response": response, "interpolate": interpolate}
    pairs = PairFolder(Path(output).expanduser(), settings)
    read = functools.lru_cache(maxsize=window)(read_picture)
    between = functools.lru_cache(maxsize=window)(lambda *paths: frames_between(*map(read, paths), interpolate))
    for name, paths in progress("averaging frames", "pair", len(windows), windows.items()):
        if name not in pairs:
            _require_one_size(paths, read)
            frames = _with_between(paths, read, between) if interpolate else map(read, paths)
            pairs.write(name, average(frames, RESPONSES[response]), read(paths[window // 2]))
    return f"ready: {len(windows)} pairs in {output}"


def average(frames: Iterable[np.ndarray], response: Response) -> np.ndarray:
    """The picture of an exposure that lasts over all `frames`, uint8 [H, W, 3] each: their mean in light."""
    light, count = 0.0, 0
    for frame in frames:
        light = light + response.decode(frame)
        count += 1
    return response.encode(light / count)


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


def _windows(sequences: list[list[tuple[str, Path]]], window: int, stride: int) -> dict[str, list[Path]]:
    """{name of the middle frame: files of the window's frames}."""
    windows = {}
    for frames in sequences:
        if len(frames) < window:
            warn(f"{frames[0][1].parent}: left out, as its {len(frames)} frames are fewer than {window}")
        for start in range(0, len(frames) - window + 1, stride):
            windows[frames[start + window // 2][0]] = [path for _, path in frames[start : start + window]]
    return windows


def _with_between(paths: list[Path], read, between) -> Iterator[np.ndarray]:
    yield read(paths[0])
    for pair in zip(paths, paths[1:]):
        yield from between(*pair)
        yield read(pair[1])


def _require_one_size(paths: list[Path], read) -> None:
    height, width, _ = read(paths[0]).shape
    for path in paths[1:]:
        other_height, other_width, _ = read(path).shape
        if (other_height, other_width) != (height, width):
            raise IcdpmError(
                f"{paths[0]} is {width}×{height} px but {path} is {other_width}×{other_height} px; "
                "the frames of a sequence have one size"
            )
