"""The embedded data set: pairs made from procedural scenes and free photos, with nothing to download.

Every pair is a pure function of its split and its number. The splits share neither photo nor random stream.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import pathlib
from typing import NamedTuple

import numpy as np

from icdpm import srgb
from icdpm.errors import IcdpmError
from icdpm.progress import progress_bar
from icdpm_datasets.blur import MARGIN, MAX_EXTENT, move_objects, shake_scene
from icdpm_datasets.cache import kept
from icdpm_datasets.photos import PHOTOS, photo_crop, recolour
from icdpm_datasets.scenes import object_mask, scene

_VERSION = 1
_SEEDS = {"train": 2212_01789_1, "test": 2212_01789_2}
_SIZES = {"train": 160, "test": 256}  # px, width and height of a pair
_TRAIN_PAIRS = 1200

# What a training pair shows. The photos are few: those with more to see come more often.
_TRAIN_SUBJECTS = {
    "photo_astronaut": 0.16, "photo_coffee": 0.14, "photo_rocket": 0.12, "photo_hubble": 0.04, "photo_grass": 0.07,
    "photo_gravel": 0.07, "deadleaves": 0.14, "text": 0.08, "architecture": 0.10, "night": 0.03, "mixed": 0.05,
}  # fmt: skip
# Fractions of the training pairs. A model that never saw a sharp input destroys it; where most of what it sees needs no
# change, an L1 loss keeps it at no change at all.
_NO_BLUR, _MILD = 0.06, 0.14
_MILD_EXTENT = 5.0  # px
_MOVING_OBJECTS = 0.25  # fraction of the blurred pairs; camera shake is the rest
_RECOLOURED = 0.7  # fraction of the photo crops
_OBJECT_SUBJECTS = ("deadleaves", "architecture", "text")


class _TestPair(NamedTuple):
    """One row of the test split's table: what it shows, how it was blurred, and how far in pixels."""

    subject: str
    exposure: str  # 'shake' or 'objects'
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
    """The embedded pairs of one split, in memory.

    Attributes:
      names: of the pairs, such as 'text_03' or 'photo_chelsea_1'.
      blurry, sharp: uint8 [N, S, S, 3] sRGB; S is 160 in 'train' and 256 in 'test'.
      description: one line for logs.
    """

    def __init__(self, split: str, pairs: int | None = None):
        """Reads the split from the cache or makes it; with `pairs`, only its first ones.

        Raises IcdpmError where there is no such split, or fewer pairs than asked for.
        """
        if split not in _SEEDS:
            raise IcdpmError(f"The embedded data have no split {split!r}: the splits are {', '.join(_SEEDS)}.")
        whole = _TRAIN_PAIRS if split == "train" else len(_TEST)
        count = whole if pairs is None else pairs
        if not 1 <= count <= whole:
            raise IcdpmError(f"The embedded {split} split has {whole} pairs: {count} cannot be had.")
        arrays = kept(f"embedded_{split}_{count}_{_generator_hash()}", functools.partial(_make_pairs, split, count))
        self.names: list[str] = arrays["names"].tolist()
        self.blurry, self.sharp = arrays["blurry"], arrays["sharp"]
        self.description = f"embedded {split} pairs: {count} of {_SIZES[split]}×{_SIZES[split]} px"

    def __len__(self) -> int:
        return len(self.names)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The pair (blurry, sharp) at `index`, uint8 [S, S, 3]."""
        return self.blurry[index], self.sharp[index]

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError where the pictures are smaller than `crop` pixels."""
        size = self.sharp.shape[1]
        if crop > size:
            raise IcdpmError(f"The embedded pictures are {size}×{size} px: crops of {crop} px do not fit, use fewer.")


def _make_pairs(split: str, count: int) -> dict[str, np.ndarray]:
    """The first `count` pairs of a split, as the arrays `names`, `blurry` and `sharp`."""
    size = _SIZES[split]
    blurry, sharp = np.empty((2, count, size, size, 3), np.uint8)
    for index in progress_bar(f"making the embedded {split} pairs", count, "pair", iterable=range(count)):
        blurry[index], sharp[index] = _PAIR_MAKERS[split](index)
    names = _test_names() if split == "test" else [f"train_{index:04d}" for index in range(count)]
    return {"names": np.array(names[:count]), "blurry": blurry, "sharp": sharp}


def _train_pair(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Training pair number `index`: (blurry, sharp)."""
    rng = np.random.default_rng([_SEEDS["train"], index])
    subject = rng.choice(list(_TRAIN_SUBJECTS), p=list(_TRAIN_SUBJECTS.values()))
    strength = rng.random()
    if strength < _NO_BLUR:
        extent = 0.0
    elif strength < _NO_BLUR + _MILD:
        extent = rng.uniform(0.5, _MILD_EXTENT)
    else:
        # Short motions are more frequent than long ones, as in photographs.
        extent = _MILD_EXTENT + (MAX_EXTENT - _MILD_EXTENT) * rng.beta(1.0, 2.0)
    exposure = "objects" if extent > 0 and rng.random() < _MOVING_OBJECTS else "shake"
    return _pair(rng, "train", subject, exposure, extent)


def _test_pair(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Test pair number `index`: (blurry, sharp)."""
    return _pair(np.random.default_rng([_SEEDS["test"], index]), "test", *_TEST[index])


_PAIR_MAKERS = {"train": _train_pair, "test": _test_pair}


def _pair(
    rng: np.random.Generator, split: str, subject: str, exposure: str, extent: float
) -> tuple[np.ndarray, np.ndarray]:
    """One pair of a split's size: its subject, drawn with a margin, under its exposure."""
    size = _SIZES[split] + 2 * MARGIN
    ground = _subject(rng, split, subject, size)
    if exposure == "shake":
        return shake_scene(rng, ground, extent)
    photos = [f"photo_{photo.name}" for photo in PHOTOS if photo.split == split]
    dress = _subject(rng, split, rng.choice([*photos, *_OBJECT_SUBJECTS]), size)
    objects = [(dress, object_mask(rng, size)) for _ in range(rng.choice(4, p=(0.1, 0.45, 0.3, 0.15)))]
    return move_objects(rng, ground, objects, extent)


def _subject(rng: np.random.Generator, split: str, subject: str, size: int) -> np.ndarray:
    """A sharp picture of a subject: a kind of procedural scene, or 'photo_NAME'. uint8 [size, size, 3]."""
    if not subject.startswith("photo_"):
        return scene(rng, size, subject)
    crop = photo_crop(rng, subject[len("photo_") :], size)
    return recolour(rng, crop) if split == "train" and rng.random() < _RECOLOURED else crop


def _test_names() -> list[str]:
    """The test pairs' names: the subject and its number, photos counted from 1 and scenes from 00."""
    seen: dict[str, int] = {}
    names = []
    for subject, *_ in _TEST:
        number = seen[subject] = seen.get(subject, -1) + 1
        names.append(f"{subject}_{number + 1}" if subject.startswith("photo_") else f"{subject}_{number:02d}")
    return names


def _generator_hash() -> str:
    """A hash of all that decides the pixels: this package's generating source and the libraries that it draws with."""
    digest = hashlib.sha256(str(_VERSION).encode())
    folder = pathlib.Path(__file__).parent
    sources = [folder / f"{name}.py" for name in ("blur", "camera", "embedded", "motion", "photos")]
    for source in [*sources, pathlib.Path(srgb.__file__), *sorted((folder / "scenes").glob("*.py"))]:
        digest.update(source.read_bytes())
    for library in ("numpy", "pillow", "scipy", "scikit-image"):
        digest.update(f"{library} {importlib.metadata.version(library)}".encode())
    return digest.hexdigest()[:12]
