"""The three scales of the experiments: paper, small and micro.

A scale defines how a variant is trained, which pairs it is trained and tested on, and the grid of sampling settings. Test sets
have the names of the published ones at every scale; `label` names the data that is really measured.
"""

from __future__ import annotations

from pathlib import Path

from icdpm.configs import load_config
from icdpm.models.settings import SamplingSettings
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.load import load_pairs
from icdpm_experiments.pairs import SelectedPairs
from icdpm_experiments.paper.models import HIDIFF_GOPRO, ComparedModel
from icdpm_experiments.paper.sampling_settings import grid_settings
from icdpm_experiments.paper.scaled_configs import scale_to_micro, scale_to_small
from icdpm_experiments.paper.small_sets import SmallSets
from icdpm_experiments.results import RESULTS_FOLDER, abbreviate_home

IN_DOMAIN, OUT_OF_DOMAIN = "gopro", "realblur_j"
SEEDS = 3  # of the models of Table 2 at the scale small


class Scale:
    """Base class for scales, with the defaults that most of them share.

    Attributes:
      name: name of the scale and of the folder of its runs.
      suffix: end of the names of results.
      results_folder: folder of the results.
      make_variables: further variables of the make command that reproduces the results.
      extended: whether tables also have color drift, detail, differences between rows and the cost of a training step.
      further_models: {row: `ComparedModel`} of rows that Tables 3 to 6 have in addition.
      seeds: number of seeds of the models of Table 2.
    """

    name: str
    suffix = ""
    results_folder = RESULTS_FOLDER
    make_variables: dict[str, str | int | None] = {}
    extended = False
    further_models: dict[str, ComparedModel] = {}
    seeds = 1

    def validation_pairs(self, dataset=IN_DOMAIN):
        """Returns the `PairSource` that training is validated on, by default the test set."""
        return self.test_pairs(dataset)

    def alignment(self, dataset) -> str:
        """Returns the alignment before PSNR and SSIM: 'none', because the pairs are aligned."""
        return "none"

    def record(self) -> dict:
        """Returns further top-level values of the results."""
        return {}

    def result_name(self, name) -> str:
        """Returns the name of a result's files without their endings. Hyphens become underscores."""
        return f"{name.replace('-', '_')}{self.suffix}"

    def image_path(self, name) -> Path:
        """Returns the path of a result's image."""
        return self.results_folder / f"{self.result_name(name)}.png"


class PaperScale(Scale):
    """The paper's recipe: trained on GoPro, tested on the published sets.

    Args:
      data_dir: folder in which icdpm-prepare recorded the sets; None for the default of TFDS.
    """

    name = "paper"

    def __init__(self, data_dir=None):
        self._data_dir = data_dir
        self.make_variables = {"DATA_DIR": data_dir and abbreviate_home(str(data_dir))}

    def config(self, variant):
        """Returns the checked config of a variant."""
        return load_config(variant)

    def training_pairs(self, dataset=IN_DOMAIN):
        """Returns the `PairSource` that variants are trained on."""
        return load_pairs(dataset, "train", self._data_dir)

    def target_pairs(self):
        """Returns the `PairSource` whose blurry images are the unlabeled ones of another domain (Fig. 9)."""
        return load_pairs(OUT_OF_DOMAIN, "train", self._data_dir)

    def test_pairs(self, dataset):
        """Returns the `PairSource` of a test set: gopro, realblur_j, realblur_r, reds or hide."""
        return load_pairs(dataset, "test", self._data_dir)

    def label(self, dataset) -> str:
        """Returns the name of the data that is measured for a test set."""
        return dataset

    def alignment(self, dataset) -> str:
        """Returns the alignment before PSNR and SSIM, a name in `icdpm.evaluation.metric_selection.ALIGNMENTS`.

        The paper does not state it, but its values of other methods on RealBlur-J follow the official, aligned protocol.
        """
        return "ecc" if dataset.startswith("realblur") else "none"

    def grid(self) -> list[SamplingSettings]:
        """Returns the grid of sampling settings, Table 10's."""
        return grid_settings()


class MicroScale(Scale):
    """The whole path in minutes on two cores: small networks, briefly trained on the embedded pairs.

    Kinds of embedded test pairs stand in for the published sets. The training pairs have all kinds, so none is out-of-domain.
    """

    name = "micro"
    results_folder = Path("runs/micro/results")
    _GRID = ((1, 0.9), (2, 0.8), (5, 0.5), (10, 0.5), (20, 0.3))
    _STAND_INS = {
        "gopro": ("embedded photos", ("photo",)),
        "realblur_j": ("embedded lettering and lights", ("text", "night")),
        "realblur_r": ("embedded lights", ("night",)),
        "reds": ("embedded dead leaves", ("deadleaves", "mixed")),
        "hide": ("embedded façades", ("architecture",)),
    }

    def config(self, variant):
        """Returns the variant's config, scaled down."""
        return scale_to_micro(load_config(variant))

    def training_pairs(self, dataset=IN_DOMAIN):
        """Returns the embedded training pairs, which stand in for every training set."""
        return EmbeddedPairs("train")

    def target_pairs(self):
        """Returns the test pairs of the other domain: only they have none but its blurry images."""
        return self.test_pairs(OUT_OF_DOMAIN)

    def test_pairs(self, dataset):
        """Returns the embedded test pairs of the kinds that stand in for the set."""
        label, kinds = self._STAND_INS[dataset]
        test = EmbeddedPairs("test")
        chosen = [index for index, name in enumerate(test.names) if name.startswith(kinds)]
        return SelectedPairs(test, chosen, f"{label}: {len(chosen)} test pairs")

    def label(self, dataset) -> str:
        """Returns the name of the data that is measured for a test set."""
        return self._STAND_INS[dataset][0]

    def grid(self) -> list[SamplingSettings]:
        """Returns a few settings of a few steps, in place of Table 10's."""
        return [SamplingSettings("ancestral", steps, variance) for steps, variance in self._GRID]


class SmallScale(Scale):
    """The paper's tables with narrow networks, each trained for half an hour on sharp photos and video frames.

    All variants are trained on one domain, synthetic motion blur. Test sets: `small_sets`.

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
    further_models = {"HI-Diff": HIDIFF_GOPRO}
    tables = (
        *(f"table{number}" for number in (1, 2, 3, 4, 5, 6, 8, 9)),
        *(f"fig{number}" for number in (4, 5, 7, 8, 9)),
        "small-page",
    )
    _STEPS = (1, 2, 4, 8)

    def __init__(self, folder, pairs=(), kernels=None, seeds=SEEDS):
        pairs = dict(pairs)
        self._sets = SmallSets(folder, pairs, kernels)
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

    def training_pairs(self, dataset=IN_DOMAIN):
        """Returns the folder's photos and video frames under motion blur, which stand in for every training set."""
        return self._sets.training

    def validation_pairs(self, dataset=IN_DOMAIN):
        """Returns all held-out photos under motion blur, including those that it leaves sharp."""
        return self._sets.held_out

    def target_pairs(self):
        """Returns the training photos under real camera-shake kernels."""
        return self._sets.target

    def test_pairs(self, dataset):
        """Returns the pairs that stand in for gopro, hide, reds or realblur_j."""
        return self._sets.test(dataset)

    def available_sets(self) -> list[str]:
        """Lists the test sets whose data were given, the training domain first."""
        return self._sets.available()

    def label(self, dataset) -> str:
        """Returns the name of the data that is measured for a test set."""
        return self._sets.label(dataset)

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
            "kernels": self._sets.kernel_names(),
            "training_seeds": list(range(self.seeds)),
            "sampling_seed": 0,
        }


def make_scale(name, data_dir=None, folder=None, pairs=(), kernels=None, seeds=SEEDS):
    """Creates a scale.

    Args:
      name: 'paper', 'small' or 'micro'.
      data_dir: argument of `PaperScale`.
      folder, pairs, kernels, seeds: arguments of `SmallScale`.
    """
    if name == "small":
        return SmallScale(folder, pairs, kernels, seeds)
    return PaperScale(data_dir) if name == "paper" else MicroScale()
