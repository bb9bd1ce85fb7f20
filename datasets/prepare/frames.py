"""Pairs from video: the mean of some consecutive sharp frames is the blurry picture, the middle frame the sharp one.

GoPro (Nah et al., 2017), HIDE and REDS were made so.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from icdpm.errors import IcdpmError
from icdpm.progress import progress_bar
from icdpm_datasets.camera import RESPONSES
from icdpm_datasets.console import warn
from icdpm_datasets.image_files import image_size, read_image
from icdpm_datasets.prepare.pair_folder import PairFolder
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
    sizes = {path: image_size(path) for path in dict.fromkeys(itertools.chain(*windows.values()))}
    for paths in windows.values():
        require_one_size(paths, sizes)
    settings = {"made_by": "icdpm-prepare frames", "source": str(folder.resolve()), "window": window, "stride": stride}
    settings |= {"response": response, "interpolate": interpolate}
    pairs = PairFolder(Path(output).expanduser(), settings)
    read = functools.lru_cache(maxsize=window)(read_image)
    between = functools.lru_cache(maxsize=window)(lambda *paths: frames_between(*map(read, paths), interpolate))
    for name, paths in progress_bar("averaging frames", len(windows), "pair", iterable=windows.items()):
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


_WINDOW_RADIUS = 15  # px; of the window in which the motion is taken as one. 7 and 15 did about equally well.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def frames_between(first: np.ndarray, second: np.ndarray, count: int) -> list[np.ndarray]:
    """`count` frames evenly spaced in time between two frames, all uint8 [H, W, 3]."""
    from skimage.registration import optical_flow_ilk  # a slow import, needed by this alone

    gray = [frame @ _LUMA / 255 for frame in (first, second)]
    forward = optical_flow_ilk(*gray, radius=_WINDOW_RADIUS)  # second(x + forward(x)) is first(x)
    backward = optical_flow_ilk(*gray[::-1], radius=_WINDOW_RADIUS)
    return [_frame_at(k / (count + 1), first, second, forward, backward) for k in range(1, count + 1)]


def _frame_at(
    time: float, first: np.ndarray, second: np.ndarray, forward: np.ndarray, backward: np.ndarray
) -> np.ndarray:
    """The frame at `time` in (0, 1); flows are float32 [2, H, W], (dy, dx)."""
    to_first = time * time * backward - (1 - time) * time * forward
    to_second = (1 - time) * (1 - time) * forward - time * (1 - time) * backward
    blended = (1 - time) * _warp(first, to_first) + time * _warp(second, to_second)
    return np.rint(blended).astype(np.uint8)


def _warp(frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """frame(x + flow(x)), bilinear, float32 [H, W, 3]; beyond the border, the border's value."""
    where = np.indices(frame.shape[:2], np.float32) + flow
    planes = [
        ndimage.map_coordinates(frame[..., channel], where, np.float32, order=1, mode="nearest") for channel in range(3)
    ]
    return np.stack(planes, axis=-1)
