"""Loading of data by name."""

from __future__ import annotations

import os
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm_datasets.degradations import CompressedImages, DownscaledImages, NoisyImages
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.folders import FolderPairs
from icdpm_datasets.handheld import HandheldImages
from icdpm_datasets.motion_blur import CameraShakeImages, LongMotionBlurredImages, MotionBlurredImages
from icdpm_datasets.pairs import MissingSplitError, Mixture, PairSource
from icdpm_datasets.published.sets import NAMES, is_recorded
from icdpm_datasets.video import AveragedFrames

# Sources that make pairs from sharp images as they are read, by the KIND in KIND:FOLDER.
_SYNTHETIC = {
    "shake": CameraShakeImages,
    "motion": MotionBlurredImages,
    "long_motion": LongMotionBlurredImages,
    "handheld": HandheldImages,
    "frames": AveragedFrames,
    "noise": NoisyImages,
    "jpeg": CompressedImages,
    "downscale": DownscaledImages,
}


def load_pairs(data: str, split: str, data_dir: str | os.PathLike | None = None) -> PairSource:
    """Loads one split of a data set.

        pairs = load_pairs("embedded", "test")
        blurry, sharp = pairs.load(0)

    Args:
      data: one of
        - embedded;
        - a published set (`icdpm_datasets.published.sets`), optionally with a variant such as gopro/blur_gamma, as
          icdpm-prepare recorded it, or own records such as records/street;
        - a folder with `blur` and `sharp`, which serves both splits, or with such folders in `train` and `test`, which serve
          one each;
        - KIND:FOLDER for a folder of sharp images, with or without `train` and `test`, from which pairs are made on the fly:
          shake (camera shake), motion (moving camera and objects), long_motion (the same with longer paths), handheld (strong
          motion, night lights, noise, JPEG), frames (averaged high-speed video), noise (Gaussian noise), jpeg (JPEG
          compression), downscale (lower resolution);
        - a mixture of several of these with weights, such as gopro:0.7,reds:0.3. Training examples are drawn in these
          proportions; a test split has all pairs of each set.
        A known name takes precedence over a folder of that name; ./gopro is the folder.
      split: 'train' or 'test'.
      data_dir: folder of the records, optionally a URL; None for TFDS' default.

    Raises:
      MissingSplitError: `data` has no such split.
      IcdpmError: `data` is none of these, or its images cannot be used.
    """
    # A folder's name may have a comma.
    if "," not in data or any(Path(folder).expanduser().is_dir() for folder in filter(None, (data, data.partition(":")[2]))):
        return _load_one(data, split, data_dir)
    names, weights = zip(*(_parse_weighted(part, data) for part in data.split(",")))
    if len(set(names)) < len(names):
        raise IcdpmError(f"{data}: a set occurs twice. Add its weights.")
    sources = {name: _load_one(name, split, data_dir) for name in names}
    return Mixture(sources, weights)


def _parse_weighted(part: str, data: str) -> tuple[str, int]:
    """Returns a part's name, and its weight in thousandths."""
    name, _, number = part.strip().rpartition(":")
    try:
        weight = round(1000 * float(number))
    except (ValueError, OverflowError):
        weight = 0
    if not name or weight <= 0:
        raise IcdpmError(
            f"{data}: every set of a mixture needs a weight of at least 0.001 after a colon, as in gopro:0.7,reds:0.3. "
            f"Received: {part!r}."
        )
    return name, weight


def _load_one(data: str, split: str, data_dir: str | os.PathLike | None) -> PairSource:
    if data == "embedded":
        return EmbeddedPairs(split)
    if is_recorded(data):
        # Imported here because it imports TFDS, which a user's own images do not need.
        from icdpm_datasets.published.recorded import RecordedPairs

        return RecordedPairs(data, split, data_dir)
    kind, colon, path = data.partition(":")
    synthetic = _SYNTHETIC.get(kind) if colon else None
    folder = Path(path if synthetic else data).expanduser()
    if not folder.is_dir():
        raise IcdpmError(
            f"{folder} is neither a known data set (embedded, {', '.join(NAMES)}) nor a folder. "
            "Give one of those, a folder with blur/ and sharp/, or, for sharp images, one of "
            f"{', '.join(f'{each}:FOLDER' for each in _SYNTHETIC)}."
        )
    other = "test" if split == "train" else "train"
    if (folder / split).is_dir():
        folder = folder / split
    elif (folder / other).is_dir() and (synthetic or not (folder / "blur").is_dir()):
        raise MissingSplitError(
            f"{folder} has {other}/ but no {split}/, and images of one split are not used as the other. Move some images to "
            f"{split}/ or give other data."
        )
    return synthetic(folder) if synthetic else FolderPairs(folder)
