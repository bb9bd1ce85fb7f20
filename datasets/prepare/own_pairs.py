"""Pairs from a user's own images: averaged frames of video, or sharp photos with camera shake.

GoPro (Nah et al., 2017), HIDE and REDS were made by averaging: the mean of consecutive sharp frames is the blurry image, and
the middle frame is the sharp one. A fast object jumps from frame to frame, and the mean of few frames shows it several times
instead of a streak; REDS was therefore made from interpolated frames. Here the optical flow is iterative Lucas-Kanade (Le
Besnerais and Champagnat, ICIP 2005, in scikit-image), and an intermediate frame blends both neighbors, warped to its time, as
in Super SloMo (Jiang et al., CVPR 2018, eq. 4) without its networks. Occlusions are not treated separately.
"""

from __future__ import annotations

import functools
import itertools
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.images.upright_size import read_upright_size
from icdpm.progress import print_warning, progress_bar
from icdpm_datasets.blur import blur_by_kernel, blur_pair
from icdpm_datasets.camera import RESPONSES
from icdpm_datasets.degradations import compress_jpeg
from icdpm_datasets.image_files import check_equal_sizes, find_images, read_image
from icdpm_datasets.video import average, find_sequences

_RECORD = "made_by.json"
_WINDOW_RADIUS = 15  # px, of the window in which motion is assumed to be uniform; 7 gave about the same results
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def prepare_frames(source: str, output: str, window: int, stride: int, response: str = "linear", interpolate: int = 0) -> str:
    """Averages frames to pairs, which are named after their middle frames.

    Args:
      source: a folder of frames, or of folders with the frames of one sequence each, named by consecutive numbers.
      output: folder of the pairs.
      window: number of frames of a pair, at least 2. The middle one is number window // 2, counted from 0.
      stride: number of frames between the starts of consecutive pairs.
      response: the camera's response, a key of RESPONSES; frames are averaged in light.
      interpolate: number of frames to insert between every two, by optical flow.

    Returns:
      A one-line summary.

    Raises:
      IcdpmError: frame numbers have a gap, frames differ in size or are damaged, or all sequences are shorter than the window.
    """
    folder = Path(source).expanduser()
    windows = _windows(find_sequences(folder), window, stride)
    if not windows:
        raise IcdpmError(f"No sequence in {folder} has the {window} frames of a pair. Choose a smaller --window.")
    sizes = {path: read_upright_size(path) for path in dict.fromkeys(itertools.chain(*windows.values()))}
    for paths in windows.values():
        check_equal_sizes("frames of a sequence", paths, sizes)
    settings: dict[str, Any] = {"made_by": "icdpm-prepare frames", "source": str(folder.resolve())}
    settings |= {"window": window, "stride": stride, "response": response, "interpolate": interpolate}
    pairs = PairFolder(Path(output).expanduser(), settings)
    read = functools.lru_cache(maxsize=window)(read_image)

    @functools.lru_cache(maxsize=window)
    def between(first: Path, second: Path) -> list[np.ndarray]:
        return interpolate_frames(read(first), read(second), interpolate)

    for name, paths in progress_bar("averaging frames", len(windows), "pair", iterable=windows.items()):
        if name not in pairs:
            frames = _interpolated(paths, read, between) if interpolate else map(read, paths)
            pairs.write(name, average(frames, RESPONSES[response]), read(paths[window // 2]))
    return f"ready: {len(windows)} pairs in {output}"


def _windows(sequences: list[list[tuple[str, Path]]], window: int, stride: int) -> dict[str, list[Path]]:
    """Returns {name of the middle frame: files of the window's frames}."""
    windows = {}
    for frames in sequences:
        if len(frames) < window:
            print_warning(f"{frames[0][1].parent} is skipped, since its {len(frames)} frames are fewer than {window}")
        for start in range(0, len(frames) - window + 1, stride):
            windows[frames[start + window // 2][0]] = [path for _, path in frames[start : start + window]]
    return windows


def _interpolated(
    paths: list[Path], read: Callable[[Path], np.ndarray], between: Callable[[Path, Path], list[np.ndarray]]
) -> Iterator[np.ndarray]:
    yield read(paths[0])
    for first, second in zip(paths, paths[1:]):
        yield from between(first, second)
        yield read(second)


def interpolate_frames(first: np.ndarray, second: np.ndarray, count: int) -> list[np.ndarray]:
    """Returns `count` frames evenly spaced in time between two frames, all uint8 [H, W, 3]."""
    from skimage.registration import optical_flow_ilk  # not at the top, since the import is slow

    gray = [frame @ _LUMA / 255 for frame in (first, second)]
    forward = optical_flow_ilk(*gray, radius=_WINDOW_RADIUS)  # second(x + forward(x)) is first(x)
    backward = optical_flow_ilk(*gray[::-1], radius=_WINDOW_RADIUS)
    return [_frame_at(k / (count + 1), first, second, forward, backward) for k in range(1, count + 1)]


def _frame_at(time: float, first: np.ndarray, second: np.ndarray, forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Returns the frame at `time` in (0, 1); flows are float32 [2, H, W], (dy, dx)."""
    to_first = time * time * backward - (1 - time) * time * forward
    to_second = (1 - time) * (1 - time) * forward - time * (1 - time) * backward
    blended = (1 - time) * _warp(first, to_first) + time * _warp(second, to_second)
    return np.rint(blended).astype(np.uint8)


def _warp(frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Returns frame(x + flow(x)), bilinear, float32 [H, W, 3]; values beyond the border are those of the border."""
    positions = np.indices(frame.shape[:2], np.float32) + flow
    planes = [
        ndimage.map_coordinates(frame[..., channel], positions, np.float32, order=1, mode="nearest") for channel in range(3)
    ]
    return np.stack(planes, axis=-1)


def prepare_shake(
    source: str,
    output: str,
    extent: tuple[float, float],
    kernels: str | None = None,
    jpeg_quality: int | None = None,
    seed: int = 0,
) -> str:
    """Blurs every image of a folder once.

    Args:
      source: folder of sharp images, whose names the pairs keep.
      output: folder of the pairs.
      extent: shortest and longest shake in pixels; unused with `kernels`.
      kernels: folder of kernels as gray images, one of which is chosen randomly for each image, instead of random shake.
      jpeg_quality: quality 1 to 95 of the blurry images' JPEG compression; None for no compression.
      seed: determines, with the name of an image, its blur.

    Returns:
      A one-line summary.

    Raises:
      IcdpmError: an image or kernel is damaged, or an image is too small for its blur.
    """
    folder, kernel_folder = Path(source).expanduser(), kernels and Path(kernels).expanduser()
    images = find_images(folder)
    given_kernels = [read_kernel(path) for path in find_images(kernel_folder).values()] if kernel_folder else []
    settings: dict[str, Any] = {"made_by": "icdpm-prepare shake", "source": str(folder.resolve()), "extent": list(extent)}
    settings |= {"kernels": kernel_folder and str(kernel_folder.resolve()), "jpeg_quality": jpeg_quality, "seed": seed}
    pairs = PairFolder(Path(output).expanduser(), settings)
    for name, path in progress_bar("blurring images", len(images), "pair", iterable=images.items()):
        if name in pairs:
            continue
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        image = read_image(path)
        try:
            if given_kernels:
                blurry, sharp = blur_by_kernel(rng, image, given_kernels[rng.integers(len(given_kernels))])
            else:
                blurry, sharp = blur_pair(rng, image, rng.uniform(*extent))
        except ValueError as error:
            raise IcdpmError(f"{path}: {error}") from error
        pairs.write(name, blurry if jpeg_quality is None else compress_jpeg(blurry, jpeg_quality), sharp)
    return f"ready: {len(images)} pairs in {output}"


def read_kernel(path: Path) -> np.ndarray:
    """Reads a kernel from a gray image.

    Returns:
      float32 [2r+1, 2r+1] with sum 1 and its centroid within half a pixel of the middle.

    Raises:
      IcdpmError: the image is damaged or black.
    """
    kernel = read_image(path).astype(np.float64).mean(axis=-1)
    if kernel.sum() == 0:
        raise IcdpmError(f"{path} is black, so it is not a kernel. Remove it.")
    kernel /= kernel.sum()
    # Centered, so that the blurry image is not shifted relative to the sharp one.
    row, column = (int(round((kernel * indices).sum())) for indices in np.indices(kernel.shape))
    height, width = kernel.shape
    radius = max(row, height - 1 - row, column, width - 1 - column)
    centered = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    centered[radius - row : radius - row + height, radius - column : radius - column + width] = kernel
    return centered


class PairFolder:
    """Folder of pairs, whose files appear when they are complete.

    An interrupted job continues, since existing pairs are kept.

    Args:
      folder: the folder, which is created if necessary.
      settings: settings of the pairs, which `made_by.json` records; 'source' is the absolute path of their images' folder.

    Raises:
      IcdpmError: the folder is inside the source, or contains something else or pairs that were made with other settings.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._folder = folder
        if Path(settings["source"]) in folder.resolve().parents:
            raise IcdpmError(f"{folder} is inside {settings['source']}, which is searched for images. Choose another --output.")
        record, text = folder / _RECORD, json.dumps(settings, indent=2)
        if record.is_file():
            if record.read_text(encoding="utf-8") != text:
                raise IcdpmError(
                    f"The pairs in {folder} were made with other settings ({record}). Remove them or choose another --output."
                )
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise IcdpmError(f"{folder} exists and was not made by this command. Choose another --output.")
        else:
            with write_atomically(record) as part:
                part.write_text(text, encoding="utf-8")

    def __contains__(self, name: str) -> bool:
        return all(path.is_file() for path in self._paths(name))

    def write(self, name: str, blurry: np.ndarray, sharp: np.ndarray) -> None:
        """Writes a pair of uint8 [H, W, 3]. Raises IcdpmError if the disk is full."""
        for path, pixels in zip(self._paths(name), (blurry, sharp)):
            with write_atomically(path) as part:
                Image.fromarray(pixels).save(part, "PNG")

    def _paths(self, name: str) -> list[Path]:
        return [self._folder / side / f"{name}.png" for side in ("blur", "sharp")]
