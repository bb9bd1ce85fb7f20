"""Frames to measure the input pipeline with, laid out as GoPro is published: made here, or other people's."""

import itertools
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from PIL import Image
from scipy import ndimage

from icdpm.progress import progress_bar
from icdpm_datasets.folders import FolderPairs
from icdpm_datasets.photos import PHOTOS, photo_crop, recolour
from icdpm_datasets.scenes import KINDS, LARGEST, scene

SEQUENCE = "train/GOPR0372_07_00"
WIDTH, HEIGHT = 1280, 720
_TILE = LARGEST, HEIGHT // 3  # width, height: 4 × 3 of them make a frame
_TILES = 60
_NOISE = 1.5  # standard deviation in 8-bit levels: PNG files then are as large as those of GoPro and REDS


def make_frames(tree, count):
    """Writes `count` pairs of 1280×720: mosaics of scenes and photos, with blur along a line and sensor noise."""
    rng = np.random.default_rng(0)
    names = [photo.name for photo in PHOTOS if photo.split == "train"]  # the others are too small
    tiles = [_tile(rng, names[k % len(names)], KINDS[k % len(KINDS)]) for k in range(_TILES)]
    folder = tree / SEQUENCE
    for side in ("blur", "sharp"):
        (folder / side).mkdir(parents=True)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), initializer=_receive, initargs=(tiles, folder)) as pool:
        for _ in progress_bar("making frames", count, "pair", over=pool.map(_write_pair, range(1, count + 1), chunksize=4)):
            pass


def _tile(rng, photo, kind):
    width, height = _TILE
    tile = recolour(rng, photo_crop(rng, photo, width)) if rng.random() < 0.5 else scene(rng, width, kind)
    return tile[:height]


def _receive(tiles, folder):
    global _tiles, _folder
    _tiles, _folder = tiles, folder


def _write_pair(number):
    rng = np.random.default_rng([1, number])
    chosen = [_tiles[k][:, :: rng.choice([-1, 1])] for k in rng.choice(_TILES, 12, replace=False)]
    sharp = np.block([[[tile] for tile in chosen[row : row + 4]] for row in (0, 4, 8)]).astype(np.float32)
    blurry = ndimage.uniform_filter1d(sharp, int(rng.integers(3, 22)), axis=int(rng.integers(2)))
    for side, picture in (("blur", blurry), ("sharp", sharp)):
        noisy = picture + rng.normal(0, _NOISE, picture.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(_folder / side / f"{number:06d}.png")


def lay_out_frames(frames, tree, count):
    """Links the pairs of a folder with blur/ and sharp/ as a published tree; few of them come again under other names.

    Returns how many different pairs there are. Raises IcdpmError where the folder's pairs cannot be used.
    """
    pairs = FolderPairs(frames)
    folder = tree / SEQUENCE
    for side in ("blur", "sharp"):
        (folder / side).mkdir(parents=True)
        files = {path.stem: path.resolve() for path in (frames / side).iterdir()}
        for number, name in zip(range(1, max(count, len(pairs)) + 1), itertools.cycle(pairs.names)):
            (folder / side / f"{number:06d}.png").symlink_to(files[name])
    return len(pairs)
