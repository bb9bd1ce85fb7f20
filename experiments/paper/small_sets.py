"""Data of the scale small: one training domain, and test sets inside and outside of it.

Training data are sharp photos and video frames under synthetic motion blur alone. The test sets have the names of the published
sets that they stand in for.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm_datasets.blur import blur_by_kernel, blur_window, reflected_window
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.folders import SharpImages
from icdpm_datasets.image_files import find_images
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pairs import Mixture, PairSource, crop_corner
from icdpm_datasets.prepare.own_pairs import read_kernel
from icdpm_experiments.pairs import SelectedPairs, select_blurred

# {argument of `load_pairs`, with {} for the folder: proportion of the training examples}.
TRAINING = {"motion:{}/photos": 0.85, "motion:{}/video": 0.15}
HELD_OUT = "motion:{}/photos"
# {test set: (name in PAIRS, label)}.
PAIR_SETS = {"hide": ("gopro", "GoPro test pairs, averaged high-speed video"), "reds": ("reds", "REDS pairs")}
MOTION_LABEL = "held-out photos under synthetic motion blur, the training domain"
SHAKE_LABEL = "held-out photos under real camera-shake kernels, and night and lettering scenes"
# {first part of an image's name in realblur_j: what the image is}.
_SHAKEN = {
    "kernels": "Held-out photo {} under a real camera-shake kernel",
    "embedded/night": "Embedded night scene {}",
    "embedded/text": "Embedded lettering scene {}",
}
_TITLES = {
    "gopro": "Held-out photo {} under synthetic motion blur, the training domain",
    "hide": "GoPro test pair {}, averaged high-speed video",
    "reds": "REDS pair {}",
}
# A kernel has a path on black ground: at most this fraction of its pixels are brighter than this fraction of the brightest.
_MOST_FILLED, _FAINT = 0.5, 0.05
SCENES = ("night", "text")  # kinds of embedded test scenes in the place of RealBlur-J


def describe_image(dataset: str, name: str) -> str:
    """Returns what an image of a test set shows, by the names of the set and of the image."""
    if dataset == "realblur_j":
        title = next((title for start, title in _SHAKEN.items() if name.startswith(start)), "Image {} of realblur_j")
        return title.format(name.partition("/")[2] or name)
    return _TITLES[dataset].format(name)


class KernelBlurredImages(SharpImages):
    """Images of a folder and its subfolders, blurred by given kernels; a `CropSource`.

    Light is linear; highlights saturate, and noise is added. Whole pairs are those of `icdpm-prepare shake --kernels`.

    Args:
      folder: folder of sharp images.
      kernels: folder of kernels as gray images.

    Raises:
      IcdpmError: an image is not a kernel.
    """

    kind = "blurred by real camera-shake kernels"
    stream = 0

    def __init__(self, folder: Path, kernels: Path) -> None:
        super().__init__(folder)
        self._kernels = [_read_sparse_kernel(path) for path in find_images(kernels).values()]
        self.description += f", {len(self._kernels)} kernels of {kernels}"

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pair (blurry, sharp) at `index`, uint8 [H, W, 3].

        Raises:
          IcdpmError: the image is too small for its kernel.
        """
        rng = self.generator_of(index)
        try:
            return blur_by_kernel(rng, self.sharp(index), self._choose(rng))
        except ValueError as error:
            raise IcdpmError(f"{self.paths[self.names[index]]}: {error}") from error

    def load_crop(self, index: int, crop: int, random_ints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns a training crop; see `icdpm_datasets.pairs.load_crop`."""
        image = self.sharp(index)
        corner = crop_corner(random_ints, image.shape[:2], crop)
        rng = np.random.default_rng(random_ints)
        kernel = self._choose(rng)
        return blur_window(rng, reflected_window(image, corner, (crop, crop), kernel.shape[0] // 2), kernel)

    def _choose(self, rng: np.random.Generator) -> np.ndarray:
        return self._kernels[rng.integers(len(self._kernels))]


def _read_sparse_kernel(path):
    """Reads a kernel; raises IcdpmError for a photo, which folders of kernels may contain too."""
    kernel = read_kernel(path)
    if (kernel > _FAINT * kernel.max()).mean() > _MOST_FILLED:
        raise IcdpmError(f"{path} is a photo, not a camera-shake kernel. KERNELS must name a folder of kernels alone.")
    return kernel


class SmallSets:
    """The training data and the test sets. Sets are loaded when they are needed.

    Args:
      folder: folder with photos/train/, photos/test/ and video/.
      pairs: {'gopro' or 'reds': folder with blur/ and sharp/}.
      kernels: folder of camera-shake kernels as gray images, or None.

    Raises:
      IcdpmError: the folder or a part of it is missing, or a name in `pairs` is unknown.
    """

    def __init__(self, folder: str | None, pairs: dict[str, str], kernels: str | None) -> None:
        if not folder or not Path(folder).is_dir():
            raise IcdpmError(f"The folder {folder or ''!r} of training images does not exist. Set it with FOLDER=pictures.")
        self._folder, self._pairs = Path(folder), pairs
        self._kernels = Path(kernels) if kernels else None
        for part in ("photos/train", "photos/test", "video"):
            if not (self._folder / part).is_dir():
                raise IcdpmError(
                    f"SCALE=small needs the folder {self._folder / part}. FOLDER has photos/train, photos/test, video."
                )
        names = [name for name, _ in PAIR_SETS.values()]
        if unknown := sorted(pairs.keys() - set(names)):
            raise IcdpmError(f"PAIRS at SCALE=small names {' and '.join(names)}. Received: {', '.join(unknown)}.")

    @functools.cached_property
    def training(self) -> PairSource:
        """Sharp photos and video frames under synthetic motion blur."""
        return load_pairs(",".join(f"{part.format(self._folder)}:{share}" for part, share in TRAINING.items()), "train")

    @functools.cached_property
    def held_out(self) -> PairSource:
        """All held-out photos under synthetic motion blur, on which training is validated."""
        return load_pairs(HELD_OUT.format(self._folder), "test")

    @functools.cached_property
    def target(self) -> PairSource:
        """Training photos under real kernels, the unlabelled images of another domain."""
        return KernelBlurredImages(self._folder / "photos/train", self._required_kernels("the target domain of Figure 9"))

    @functools.cached_property
    def _tests(self) -> dict:
        return {}

    def test(self, dataset: str) -> PairSource:
        """Returns a test set.

        Raises:
          IcdpmError: the variable that names its data was not given; or no data stand in for the set.
        """
        if dataset not in self._tests:
            self._tests[dataset] = self._load_test(dataset)
        return self._tests[dataset]

    def kernel_names(self) -> list[str]:
        """Lists the names of the kernels, one of which the name of a photo determines."""
        return list(find_images(self._kernels)) if self._kernels else []

    def available(self) -> list[str]:
        """Lists the test sets whose data were given, the training domain first."""
        shaken = ["realblur_j"] if self._kernels else []
        return ["gopro", *shaken, *(dataset for dataset, (name, _) in PAIR_SETS.items() if name in self._pairs)]

    def label(self, dataset: str) -> str:
        """Returns what the data of a test set are, with their number."""
        label = {"gopro": MOTION_LABEL, "realblur_j": SHAKE_LABEL}.get(dataset) or PAIR_SETS[dataset][1]
        return f"{label} ({len(self.test(dataset))})"

    def _load_test(self, dataset):
        if dataset == "gopro":
            return select_blurred(self.held_out)
        if dataset in PAIR_SETS:
            name, label = PAIR_SETS[dataset]
            if name not in self._pairs:
                raise IcdpmError(f"SCALE=small needs PAIRS='{name}=FOLDER' here: {label} stand in for the set {dataset}.")
            return load_pairs(self._pairs[name], "test")
        if dataset == "realblur_j":
            shaken = KernelBlurredImages(self._folder / "photos/test", self._required_kernels("the set realblur_j"))
            scenes = EmbeddedPairs("test")
            chosen = [index for index, name in enumerate(scenes.names) if name.startswith(SCENES)]
            scenes = SelectedPairs(scenes, chosen, f"{len(chosen)} embedded night and lettering scenes")
            return Mixture({"kernels": select_blurred(shaken), "embedded": select_blurred(scenes)}, [1, 1])
        raise IcdpmError(f"No data stand in for the set {dataset} at SCALE=small.")

    def _required_kernels(self, purpose):
        if self._kernels is None:
            raise IcdpmError(f"SCALE=small needs KERNELS=FOLDER, a folder of camera-shake kernels, for {purpose}.")
        return self._kernels
