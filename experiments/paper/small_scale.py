"""The scale small: narrow networks, one training domain, and test sets inside and outside of it.

Training data are sharp photos and video frames under synthetic motion blur alone. The test sets have the names of the published
sets that they stand in for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from icdpm.configs import load_config
from icdpm.errors import IcdpmError
from icdpm.models.settings import SamplingSettings
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.image_files import find_images
from icdpm_datasets.load import load_pairs
from icdpm_datasets.motion_blur import CameraShakeImages
from icdpm_datasets.pairs import Mixture, PairSource
from icdpm_datasets.prepare.own_pairs import read_kernel
from icdpm_experiments.pairs import SelectedPairs, check_training_folder, select_blurred
from icdpm_experiments.paper.models import HIDIFF_GOPRO, ComparedModel
from icdpm_experiments.paper.scales import IN_DOMAIN, Scale, copy_recipe, divide_channels, networks_of
from icdpm_experiments.results import abbreviate_home

SEEDS = 3  # of the models of Table 2
SMALL_STEPS = 7_000  # of every variant, unless its name has another number
# Rows of Tables 3 to 6 whose training takes the FLOPs of "Ours" (`Runs.step_flops`), to a hundred steps. HI-Diff's steps are
# those of its second stage.
EQUAL_COMPUTE_MODELS = {
    "UNet, compute of Ours": ComparedModel("regression_l_steps10500"),
    "DvSR, compute of Ours": ComparedModel("dvsr_steps8100"),
    "HI-Diff, compute of Ours": ComparedModel("hidiff_gopro_steps8500"),
}
# {argument of `load_pairs`, with {} for the folder: proportion of the training examples}.
TRAINING = {"motion:{}/photos": 0.85, "motion:{}/video": 0.15}
HELD_OUT = "motion:{}/photos"
PAIR_SETS = {"hide": "gopro", "reds": "reds"}  # {test set: its name in PAIRS}
# What stands in for each test set; `results.SCALE_NOTES` describes it.
LABELS = {
    "gopro": "training domain",
    "realblur_j": "camera shake, night, lettering",
    "hide": "GoPro pairs",
    "reds": "REDS pairs",
}
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


class KernelBlurredImages(CameraShakeImages):
    """Images of a folder and its subfolders, blurred by given kernels; a `CropSource`.

    Light is linear; highlights saturate, and noise is added. Whole pairs are those of `icdpm-prepare shake --kernels`.

    Args:
      folder: folder of sharp images.
      kernels: folder of kernels as gray images.

    Raises:
      IcdpmError: an image is not a kernel.
    """

    kind = "blurred by real camera-shake kernels"

    def __init__(self, folder: Path, kernels: Path) -> None:
        super().__init__(folder)
        self._kernels = [_read_sparse_kernel(path) for path in find_images(kernels).values()]
        self.description += f", {len(self._kernels)} kernels of {kernels}"

    def random_kernel(self, rng: np.random.Generator) -> np.ndarray:
        """Returns one of the kernels."""
        return self._kernels[rng.integers(len(self._kernels))]


def _read_sparse_kernel(path):
    """Reads a kernel; raises IcdpmError for a photo, which folders of kernels may contain too."""
    kernel = read_kernel(path)
    if (kernel > _FAINT * kernel.max()).mean() > _MOST_FILLED:
        raise IcdpmError(f"{path} is a photo, not a camera-shake kernel. KERNELS must name a folder of kernels alone.")
    return kernel


class SmallScale(Scale):
    """The paper's tables with narrow networks, each trained for half an hour on sharp photos and video frames.

    All variants are trained on one domain, synthetic motion blur.

    Args:
      folder: folder with photos/train/, photos/test/ and video/.
      pairs: {'gopro' or 'reds': folder with blur/ and sharp/}.
      kernels: folder of camera-shake kernels as gray images, or None.
      seeds: number of seeds of the models of Table 2.

    Raises:
      IcdpmError: the folder or a part of it is missing, or a name in `pairs` is unknown.

    Attributes:
      tables: names of the tables and figures that this scale has.
    """

    name = "small"
    suffix = "_small"
    extended = True
    further_models = {"HI-Diff": HIDIFF_GOPRO, **EQUAL_COMPUTE_MODELS}
    tables = (
        *(f"table{number}" for number in (1, 2, 3, 4, 5, 6, 8, 9)),
        *(f"fig{number}" for number in (4, 5, 7, 8, 9)),
        "small-page",
    )
    _STEPS = (1, 2, 4, 8)

    def __init__(self, folder, pairs=(), kernels=None, seeds=SEEDS):
        pairs = dict(pairs)
        check_training_folder(folder)
        for part in ("photos/train", "photos/test", "video"):
            if not (Path(folder) / part).is_dir():
                raise IcdpmError(
                    f"SCALE=small needs the folder {Path(folder) / part}. FOLDER has photos/train, photos/test, video."
                )
        if unknown := sorted(pairs.keys() - set(PAIR_SETS.values())):
            raise IcdpmError(f"PAIRS at SCALE=small names {' and '.join(PAIR_SETS.values())}. Received: {', '.join(unknown)}.")
        self._folder, self._pairs = Path(folder), pairs
        self._kernels = Path(kernels) if kernels else None
        self._test_sets = {}  # those that were loaded
        self.seeds = seeds
        self.make_variables = {
            "FOLDER": abbreviate_home(str(folder)),
            "PAIRS": " ".join(f"{name}={abbreviate_home(str(each))}" for name, each in pairs.items()),
            "KERNELS": kernels and abbreviate_home(str(kernels)),
            "SEEDS": seeds if seeds != SEEDS else None,
        }

    def config(self, variant):
        """Returns the variant's config, narrowed and trained by the recipe of the config `small_naf`."""
        return scale_to_small(load_config(variant))

    def training_pairs(self, dataset=IN_DOMAIN) -> PairSource:
        """Returns the folder's photos and video frames under motion blur, which stand in for every training set."""
        return load_pairs(",".join(f"{part.format(self._folder)}:{share}" for part, share in TRAINING.items()), "train")

    def validation_pairs(self, dataset=IN_DOMAIN) -> PairSource:
        """Returns all held-out photos under motion blur, including those that it leaves sharp."""
        return load_pairs(HELD_OUT.format(self._folder), "test")

    def target_pairs(self) -> PairSource:
        """Returns the training photos under real camera-shake kernels, the unlabeled images of another domain."""
        return KernelBlurredImages(self._folder / "photos/train", self._required_kernels("the target domain of Figure 9"))

    def test_pairs(self, dataset: str) -> PairSource:
        """Returns the pairs that stand in for gopro, hide, reds or realblur_j.

        Raises:
          IcdpmError: the variable that names its data was not given; or no data stand in for the set.
        """
        if dataset not in self._test_sets:
            self._test_sets[dataset] = self._load_test_set(dataset)
        return self._test_sets[dataset]

    def available_sets(self) -> list[str]:
        """Lists the test sets whose data were given, the training domain first."""
        shaken = ["realblur_j"] if self._kernels else []
        return ["gopro", *shaken, *(dataset for dataset, name in PAIR_SETS.items() if name in self._pairs)]

    def label(self, dataset: str) -> str:
        """Returns what the data of a test set are, with their number."""
        return f"{LABELS[dataset]} ({len(self.test_pairs(dataset))})"

    def grid(self) -> list[SamplingSettings]:
        """Returns the sampler of the config `small_naf` with one step and a few more, in place of Table 10's settings."""
        return [SamplingSettings(**load_config("small_naf").sampling).changed(steps=steps) for steps in self._STEPS]

    def record(self) -> dict:
        """Returns the images of each test set and the seeds."""
        sets = {dataset: self.test_pairs(dataset) for dataset in self.available_sets()}
        return {
            "test_sets": {
                dataset: {"data": abbreviate_home(pairs.description), "images": pairs.names} for dataset, pairs in sets.items()
            },
            "training_data": abbreviate_home(self.training_pairs().description),
            "kernels": list(find_images(self._kernels)) if self._kernels else [],
            "training_seeds": list(range(self.seeds)),
            "sampling_seed": 0,
        }

    def _load_test_set(self, dataset):
        if dataset == "gopro":
            return select_blurred(self.validation_pairs())
        if dataset in PAIR_SETS:
            name = PAIR_SETS[dataset]
            if name not in self._pairs:
                raise IcdpmError(f"SCALE=small needs PAIRS='{name}=FOLDER' here, for the set {dataset}: {LABELS[dataset]}.")
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


def scale_to_small(config: ConfigDict) -> ConfigDict:
    """Changes a variant's config to narrow NAF blocks, trained in 14 to 40 minutes of a core.

    The networks have the blocks and the training of the config `small_naf`, because the paper's residual blocks learn half as
    much in the same time. They work on patches of 2 pixels, so that guidance at half the resolution has a level to enter. The
    paper's small networks (32 channels) have 16 channels, its large ones (64 channels) 32. All variants have the same number of
    steps; the two stages of HI-Diff share them. UNet regression also has the recipe's loss, L2. HI-Diff has the networks of the
    config `hidiff_tiny`. The further trainings of Figure 9 have a fifth of the steps and of the learning rate.
    """
    if config.model == "hidiff":
        return _scale_hidiff_to_small(config)
    recipe = load_config("small_naf")
    copy_recipe(recipe, config)
    divide_channels(config, unet=2, guidance=2)
    for _, network in networks_of(config):
        if "patch" in network:
            for field in ("block", "patch", "multipliers", "blocks"):
                network[field] = recipe.unet[field]
    if "regression" in config:
        config.regression.loss = recipe.diffusion.loss
    _set_small_steps(config, SMALL_STEPS)
    if "alignment" in config:
        _set_small_steps(config, SMALL_STEPS // 5)
        config.optimizer.learning_rate /= 5
        config.optimizer.noise_loss_ramp = 0  # the network is trained already
    return config


def _scale_hidiff_to_small(config):
    recipe = load_config("small_naf")
    tiny = load_config("hidiff_tiny_stage1")
    for section in ("transformer", "prior", "encoder", "denoiser"):
        for field in set(tiny[section]) - {"source", "joint", "guide", "latent_encoder", "side", "kind"}:
            config[section][field] = tiny[section][field]
    for field in ("learning_rate_ramp", "gradient_clip"):
        config.optimizer[field] = tiny.optimizer[field]
    for section, fields in (
        ("optimizer", ("learning_rate", "learning_rate_end", "learning_rate_shape")),
        ("data", recipe.data),
    ):
        for field in fields:
            config[section][field] = recipe[section][field]
    config.run.update(recipe.run)
    _set_small_steps(config, SMALL_STEPS // 2)
    config.precision = recipe.precision
    return config


def _set_small_steps(config, steps):
    """Sets the number of steps. The learning rate falls to zero over the last 30 percent."""
    config.optimizer.learning_rate_decay = (steps * 7 // 10, steps)
    config.optimizer.ema_decay = 0.999
    config.run.steps = steps
    config.run.validation_images = 8
