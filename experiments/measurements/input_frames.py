"""Frames for measuring the input pipeline, in the folder layout of GoPro: synthetic ones, or links to existing ones."""

import itertools
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import PIL.Image
from scipy import ndimage

from icdpm.progress import progress_bar
from icdpm_datasets.folders import FolderPairs
from icdpm_datasets.photos import PHOTOS, random_photo_crop, recolor
from icdpm_datasets.scenes import KINDS, MAX_SIZE, paint_scene

SEQUENCE = "train/GOPR0372_07_00"
WIDTH, HEIGHT = 1280, 720
_TILE = MAX_SIZE, HEIGHT // 3  # width, height: a frame consists of 4 × 3 tiles
_TILES = 60
_NOISE = 1.5  # standard deviation in 8-bit levels: it makes PNG files as large as those of GoPro and REDS


def make_frames(tree, count):
    """Writes synthetic pairs of 1280×720: mosaics of scenes and photos with linear motion blur and sensor noise.

    Args:
      tree: root folder of the layout.
      count: number of pairs.
    """
    rng = np.random.default_rng(0)
    names = [photo.name for photo in PHOTOS if photo.split == "train"]  # the photos of the other splits are too small
    tiles = [_make_tile(rng, names[k % len(names)], KINDS[k % len(KINDS)]) for k in range(_TILES)]
    folder = tree / SEQUENCE
    for side in ("blur", "sharp"):
        (folder / side).mkdir(parents=True)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), initializer=_initialize_worker, initargs=(tiles, folder)) as pool:
        written = pool.map(_write_pair, range(1, count + 1), chunksize=4)
        for _ in progress_bar("making frames", count, "pair", iterable=written):
            pass


def _make_tile(rng, photo, kind):
    width, height = _TILE
    tile = recolor(rng, random_photo_crop(rng, photo, width)) if rng.random() < 0.5 else paint_scene(rng, width, kind)
    return tile[:height]


def _initialize_worker(tiles, folder):
    global _tiles, _folder
    _tiles, _folder = tiles, folder


def _write_pair(number):
    rng = np.random.default_rng([1, number])
    tiles = [_tiles[k][:, :: rng.choice([-1, 1])] for k in rng.choice(_TILES, 12, replace=False)]
    sharp = np.block([[[tile] for tile in tiles[row : row + 4]] for row in (0, 4, 8)]).astype(np.float32)
    blurry = ndimage.uniform_filter1d(sharp, int(rng.integers(3, 22)), axis=int(rng.integers(2)))
    for side, image in (("blur", blurry), ("sharp", sharp)):
        noisy = image + rng.normal(0, _NOISE, image.shape)
        PIL.Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(_folder / side / f"{number:06d}.png")


def lay_out_frames(frames, tree, count):
    """Links the pairs of a folder into the layout, repeatedly if there are fewer than `count`.

    Args:
      frames: folder of PNG pairs in blur/ and sharp/.
      tree: root folder of the layout.
      count: minimum number of pairs.

    Returns:
      Number of different pairs.

    Raises:
      IcdpmError: the pairs cannot be used.
    """
    pairs = FolderPairs(frames)
    folder = tree / SEQUENCE
    for side in ("blur", "sharp"):
        (folder / side).mkdir(parents=True)
    for number, index in zip(range(1, max(count, len(pairs)) + 1), itertools.cycle(range(len(pairs)))):
        for side, path in zip(("blur", "sharp"), pairs.files(index)):
            (folder / side / f"{number:06d}.png").symlink_to(path.resolve())
    return len(pairs)
