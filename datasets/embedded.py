"""The embedded data set: pairs made from procedural scenes and free photos, without a download.

Every pair is a pure function of its split and its number. The splits share neither photos nor random streams.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import pathlib
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.images import srgb
from icdpm.progress import print_warning, progress_bar
from icdpm_datasets.blur import MARGIN, MAX_EXTENT, move_objects, shake_scene
from icdpm_datasets.photos import PHOTOS, random_photo_crop, recolor
from icdpm_datasets.scenes import paint_object_mask, paint_scene

Arrays = dict[str, np.ndarray]

_VERSION = 1
_SEEDS = {"train": 2212_01789_1, "test": 2212_01789_2}
_SIZES = {"train": 160, "test": 256}  # px, width and height of a pair
_TRAIN_PAIRS = 1200

# Subjects of the training pairs and their probabilities. Photos with more content are more frequent.
_TRAIN_SUBJECTS = {
    "photo_astronaut": 0.16, "photo_coffee": 0.14, "photo_rocket": 0.12, "photo_hubble": 0.04, "photo_grass": 0.07,
    "photo_gravel": 0.07, "deadleaves": 0.14, "text": 0.08, "architecture": 0.10, "night": 0.03, "mixed": 0.05,
}  # fmt: skip
# Fractions of the training pairs. A model that has never seen a sharp input destroys it; with too many of them, an L1 loss
# keeps the model at no change at all.
_NO_BLUR, _MILD = 0.06, 0.14
_MILD_EXTENT = 5.0  # px
_MOVING_OBJECTS = 0.25  # fraction of the blurred pairs; camera shake is the rest
_RECOLORED = 0.7  # fraction of the photo crops
_OBJECT_SUBJECTS = ("deadleaves", "architecture", "text")


class _TestPair(NamedTuple):
    """Description of a test pair.

    Attributes:
      subject: kind of scene, or 'photo_NAME'.
      exposure: 'shake' or 'objects'.
      extent: extent of the blur in pixels.
    """

    subject: str
    exposure: str
    extent: float


_TEST = (
    _TestPair("photo_chelsea", "shake", 11.0),
    _TestPair("photo_chelsea", "shake", 7.0),
    _TestPair("photo_chelsea", "objects", 11.0),
    _TestPair("photo_camera", "shake", 9.0),
    _TestPair("photo_camera", "shake", 13.0),
    _TestPair("photo_camera", "objects", 12.0),
    _TestPair("photo_camera", "shake", 0.0),
    _TestPair("photo_brick", "shake", 6.0),
    _TestPair("photo_brick", "objects", 10.0),
    _TestPair("deadleaves", "shake", 11.0),
    _TestPair("deadleaves", "objects", 12.0),
    _TestPair("deadleaves", "shake", 6.0),
    _TestPair("deadleaves", "shake", 2.5),
    _TestPair("text", "shake", 12.0),
    _TestPair("text", "shake", 8.0),
    _TestPair("text", "objects", 11.0),
    _TestPair("text", "shake", 0.0),
    _TestPair("architecture", "shake", 13.0),
    _TestPair("architecture", "shake", 9.0),
    _TestPair("architecture", "objects", 12.0),
    _TestPair("architecture", "objects", 17.0),
    _TestPair("night", "shake", 14.0),
    _TestPair("mixed", "shake", 10.0),
    _TestPair("mixed", "objects", 8.0),
)


class EmbeddedPairs:
    """Embedded pairs of one split, from the cache or newly made; a `PairSource` in memory.

    Args:
      split: 'train' or 'test'.
      pairs: number of pairs, the first ones of the split; all by default.

    Attributes:
      names: names of the pairs, such as 'text_03' or 'photo_chelsea_1'.
      blurry, sharp: uint8 [N, S, S, 3] sRGB; S is 160 in 'train' and 256 in 'test'.
      description: one line for logs.

    Raises:
      IcdpmError: the split is unknown or has fewer pairs.
    """

    def __init__(self, split: str, pairs: int | None = None) -> None:
        if split not in _SEEDS:
            raise IcdpmError(f"The embedded split must be one of {', '.join(_SEEDS)}. Received: {split!r}.")
        available = _TRAIN_PAIRS if split == "train" else len(_TEST)
        count = available if pairs is None else pairs
        if not 1 <= count <= available:
            raise IcdpmError(f"The embedded {split} split has {available} pairs. Received: pairs={count}.")
        arrays = cached_arrays(f"embedded_{split}_{count}_{_generator_hash()}", functools.partial(_make_pairs, split, count))
        self.names: list[str] = arrays["names"].tolist()
        self.blurry, self.sharp = arrays["blurry"], arrays["sharp"]
        self.description = f"embedded {split} pairs: {count} of {_SIZES[split]}×{_SIZES[split]} px"

    def __len__(self) -> int:
        return len(self.names)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.blurry[index], self.sharp[index]

    def check_crop(self, crop: int) -> None:
        size = self.sharp.shape[1]
        if crop > size:
            raise IcdpmError(f"The embedded images are {size}×{size} px, too small for crops of {crop} px. Use smaller crops.")


def _make_pairs(split: str, count: int) -> Arrays:
    """Returns the first `count` pairs of a split as the arrays `names`, `blurry` and `sharp`."""
    size = _SIZES[split]
    blurry, sharp = np.empty((2, count, size, size, 3), np.uint8)
    for index in progress_bar(f"making the embedded {split} pairs", count, "pair", iterable=range(count)):
        blurry[index], sharp[index] = _PAIR_MAKERS[split](index)
    names = _test_names() if split == "test" else [f"train_{index:04d}" for index in range(count)]
    return {"names": np.array(names[:count]), "blurry": blurry, "sharp": sharp}


def _train_pair(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns training pair number `index`, (blurry, sharp)."""
    rng = np.random.default_rng([_SEEDS["train"], index])
    subject = rng.choice(list(_TRAIN_SUBJECTS), p=list(_TRAIN_SUBJECTS.values()))
    strength = rng.random()
    if strength < _NO_BLUR:
        extent = 0.0
    elif strength < _NO_BLUR + _MILD:
        extent = rng.uniform(0.5, _MILD_EXTENT)
    else:
        # Short motions are more frequent than long ones, as in real photos.
        extent = _MILD_EXTENT + (MAX_EXTENT - _MILD_EXTENT) * rng.beta(1.0, 2.0)
    exposure = "objects" if extent > 0 and rng.random() < _MOVING_OBJECTS else "shake"
    return _pair(rng, "train", subject, exposure, extent)


def _test_pair(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns test pair number `index`, (blurry, sharp)."""
    return _pair(np.random.default_rng([_SEEDS["test"], index]), "test", *_TEST[index])


_PAIR_MAKERS = {"train": _train_pair, "test": _test_pair}


def _pair(rng: np.random.Generator, split: str, subject: str, exposure: str, extent: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns a pair of the split's size, whose subject is painted with a margin."""
    size = _SIZES[split] + 2 * MARGIN
    background = _paint_subject(rng, split, subject, size)
    if exposure == "shake":
        return shake_scene(rng, background, extent)
    photos = [f"photo_{photo.name}" for photo in PHOTOS if photo.split == split]
    texture = _paint_subject(rng, split, rng.choice([*photos, *_OBJECT_SUBJECTS]), size)
    objects = [(texture, paint_object_mask(rng, size)) for _ in range(rng.choice(4, p=(0.1, 0.45, 0.3, 0.15)))]
    return move_objects(rng, background, objects, extent)


def _paint_subject(rng: np.random.Generator, split: str, subject: str, size: int) -> np.ndarray:
    """Returns a sharp image of a kind of procedural scene or of 'photo_NAME', uint8 [size, size, 3]."""
    if not subject.startswith("photo_"):
        return paint_scene(rng, size, subject)
    crop = random_photo_crop(rng, subject[len("photo_") :], size)
    return recolor(rng, crop) if split == "train" and rng.random() < _RECOLORED else crop


def _test_names() -> list[str]:
    """Returns the names of the test pairs: the subject and its number, from 1 for photos and from 00 for scenes."""
    counts: dict[str, int] = {}
    names = []
    for subject, *_ in _TEST:
        number = counts[subject] = counts.get(subject, -1) + 1
        names.append(f"{subject}_{number + 1}" if subject.startswith("photo_") else f"{subject}_{number:02d}")
    return names


def _generator_hash() -> str:
    """Returns a hash of everything that determines the pixels: source code and versions of the libraries."""
    digest = hashlib.sha256(str(_VERSION).encode())
    folder = pathlib.Path(__file__).parent
    sources = [folder / f"{name}.py" for name in ("blur", "camera", "embedded", "motion", "photos")]
    for source in [*sources, pathlib.Path(srgb.__file__), *sorted((folder / "scenes").glob("*.py"))]:
        digest.update(source.read_bytes())
    for library in ("numpy", "pillow", "scipy", "scikit-image"):
        digest.update(f"{library} {importlib.metadata.version(library)}".encode())
    return digest.hexdigest()[:12]


def cache_folder() -> pathlib.Path:
    """Returns the folder of the cache: the environment variable ICDPM_CACHE, or ~/.cache/icdpm."""
    return pathlib.Path(os.environ.get("ICDPM_CACHE") or "~/.cache/icdpm").expanduser()


def cached_arrays(name: str, make: Callable[[], Arrays]) -> Arrays:
    """Returns arrays from the cache, or makes and stores them.

    A damaged file is replaced. If the cache cannot be written, a warning is printed and the arrays are returned nevertheless.

    Args:
      name: name of the file without suffix. It must change whenever the result of `make` changes.
      make: function that returns {name: array}.
    """
    path = cache_folder() / f"{name}.npz"
    arrays = _read(path)
    if arrays is None:
        arrays = make()
        try:
            with write_atomically(path) as temporary:
                np.savez(temporary, **arrays)
        except IcdpmError as error:
            print_warning(f"{error} (the images will be made again next time)")
    return arrays


def _read(path: pathlib.Path) -> Arrays | None:
    """Returns the arrays of an .npz file; None if it is absent or damaged."""
    try:
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        print_warning(f"{path} cannot be read ({error}). The images are made again.")
        return None
