"""Pairs from video: the mean of some consecutive sharp frames is the blurry picture, the middle frame the sharp one.

GoPro (Nah et al., 2017), HIDE and REDS were made so.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.progress import progress_bar
from icdpm_datasets.console import warn
from icdpm_datasets.picture_files import picture_size, read_picture
from icdpm_datasets.prepare.interpolation import frames_between
from icdpm_datasets.prepare.pair_folder import PairFolder
from icdpm_datasets.response import RESPONSES
from icdpm_datasets.video import average, find_sequences, require_one_size


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
    sizes = {path: picture_size(path) for path in dict.fromkeys(itertools.chain(*windows.values()))}
    for paths in windows.values():
        require_one_size(paths, sizes)
    settings = {"made_by": "icdpm-prepare frames", "source": str(folder.resolve()), "window": window, "stride": stride}
    settings |= {"response": response, "interpolate": interpolate}
    pairs = PairFolder(Path(output).expanduser(), settings)
    read = functools.lru_cache(maxsize=window)(read_picture)
    between = functools.lru_cache(maxsize=window)(lambda *paths: frames_between(*map(read, paths), interpolate))
    for name, paths in progress_bar("averaging frames", len(windows), "pair", over=windows.items()):
        if name not in pairs:
            frames = _with_between(paths, read, between) if interpolate else map(read, paths)
            pairs.write(name, average(frames, RESPONSES[response]), read(paths[window // 2]))
    return f"ready: {len(windows)} pairs in {output}"


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
