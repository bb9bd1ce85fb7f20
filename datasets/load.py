"""How data are named."""

from __future__ import annotations

from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.storage import is_remote
from icdpm_datasets.camera_shake import CameraShakeImages
from icdpm_datasets.degradations import CompressedImages, DownscaledImages, NoisyImages
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.folders import FolderPairs
from icdpm_datasets.motion_blur import MotionBlurredImages
from icdpm_datasets.pairs import Mixture, PairSource, RemoteMixture, RemoteSource
from icdpm_datasets.published.sets import NAMES, is_published
from icdpm_datasets.video import AveragedFrames

# Sharp pictures that are blurred, or degraded otherwise, as they are read.
_MADE = {
    "shake": CameraShakeImages,
    "motion": MotionBlurredImages,
    "frames": AveragedFrames,
    "noise": NoisyImages,
    "jpeg": CompressedImages,
    "downscale": DownscaledImages,
}


def load_pairs(data: str, split: str, data_dir: str | None = None) -> PairSource:
    """The pairs of one split ('train' or 'test') of `data`.

    Args:
      data: one of
        - embedded;
        - a published set (`icdpm_datasets.published.sets`), also with a variant as in gopro/blur_gamma, as icdpm-prepare
          recorded it; a training split on this computer is laid out for fast reading on its first use;
        - a folder with `blur` and `sharp` in it, which serves both splits, or with such folders in `train` and `test`;
        - shake:FOLDER, sharp photos to be blurred by camera shake; motion:FOLDER, sharp pictures to be blurred by a
          moving camera and moving objects; frames:FOLDER, high-speed video to be averaged; noise:FOLDER, jpeg:FOLDER or
          downscale:FOLDER, sharp pictures to be degraded by Gaussian noise, JPEG compression or a lower resolution; with or
          without `train` and `test` in the folder;
        - several of these with commas between them, each followed by a colon and its weight, as in
          gopro:0.7,reds:0.3: training examples are drawn in these proportions. A test split has all pairs of each.
        A known name goes before a folder of that name: write ./gopro for the latter.
      split: 'train' or 'test'.
      data_dir: where TFDS keeps its data sets, perhaps a URL; None for TFDS's own default.

    Raises IcdpmError where `data` is none of these, or its pictures cannot be used.
    """
    if "," not in data or Path(data).expanduser().is_dir():
        return _open_one(data, split, data_dir)
    names, weights = zip(*(_weighted(part, data) for part in data.split(",")))
    if len(set(names)) < len(names):
        raise IcdpmError(f"{data}: a set is named twice; add its weights")
    sources = {name: _open_one(name, split, data_dir) for name in names}
    fetched = [isinstance(source, RemoteSource) for source in sources.values()]
    if any(fetched) and not all(fetched):
        told = f"recorded sets in {data_dir} are mixed with one another only; give a --data_dir on this computer"
        raise IcdpmError(f"{data}: {told}")
    return (RemoteMixture if all(fetched) else Mixture)(sources, weights)


def _weighted(part: str, data: str) -> tuple[str, int]:
    """A part's name, and its weight in thousandths."""
    name, _, number = part.strip().rpartition(":")
    try:
        weight = round(1000 * float(number))
    except (ValueError, OverflowError):
        weight = 0
    if not name or weight <= 0:
        raise IcdpmError(f"{data}: {part!r} needs a weight after a colon, at least 0.001, as in gopro:0.7,reds:0.3")
    return name, weight


def _open_one(data: str, split: str, data_dir: str | None) -> PairSource:
    if data == "embedded":
        return EmbeddedPairs(split)
    if is_published(data):
        return _open_published(data, split, data_dir)
    kind, colon, path = data.partition(":")
    made = _MADE.get(kind) if colon else None
    folder = Path(path if made else data).expanduser()
    if not folder.is_dir():
        raise IcdpmError(
            f"{folder} is neither a known data set (embedded, {', '.join(NAMES)}) nor a folder: "
            "give one of those, a folder with blur/ and sharp/ in it, or, for sharp pictures, one of "
            f"{', '.join(f'{each}:FOLDER' for each in _MADE)}."
        )
    folder = folder / split if (folder / split).is_dir() else folder
    return (made or FolderPairs)(folder)


def _open_published(name: str, split: str, data_dir: str | None) -> PairSource:
    # Not at the top: TFDS is not needed for one's own pictures.
    from icdpm_datasets.published.recorded import RecordedPairs

    if split != "train":
        return RecordedPairs(name, split, data_dir)
    if is_remote(data_dir or ""):
        from icdpm_datasets.published.recorded import RemotePairs

        return RemotePairs(name, split, data_dir)
    from icdpm_datasets.published.crop_cache import CropCache

    return CropCache(name, split, data_dir)
