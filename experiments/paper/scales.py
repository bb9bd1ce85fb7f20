"""The three scales of the experiments: paper, small and micro.

A scale defines how a variant is trained, which pairs it is trained and tested on, and the grid of sampling settings. Test sets
have the names of the published ones at every scale; `label` names the data that is really measured. `suffix` is appended to the
names of results, and `make_variables` are further variables of the make command that reproduces them.
"""

from __future__ import annotations

from pathlib import Path

from icdpm.configs import load_config
from icdpm.models.settings import SamplingSettings
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pairs import Mixture
from icdpm_experiments.packaged_model.training_runs import load_training_data
from icdpm_experiments.pairs import SelectedPairs, select_blurred
from icdpm_experiments.paper.sampling_settings import grid_settings
from icdpm_experiments.paper.scaled_configs import scale_to_micro, scale_to_small
from icdpm_experiments.results import abbreviate_home

IN_DOMAIN, OUT_OF_DOMAIN = "gopro", "realblur_j"


class PaperScale:
    """The paper's recipe: trained on GoPro, tested on the published sets.

    Args:
      data_dir: folder in which icdpm-prepare recorded the sets; None for the default of TFDS.
    """

    name = "paper"
    suffix = ""

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
        """Returns the `PairSource` whose blurry images are the unlabelled ones of another domain (Fig. 9)."""
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


class MicroScale:
    """The whole path in minutes on two cores: small networks, briefly trained on the embedded pairs.

    Kinds of embedded test pairs stand in for the published sets. The training pairs have all kinds, so none is out-of-domain.
    """

    name = "micro"
    suffix = ""
    make_variables = {}
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

    def alignment(self, dataset) -> str:
        """Returns 'none': the embedded pairs are aligned."""
        return "none"

    def grid(self) -> list[SamplingSettings]:
        """Returns a few settings of a few steps, in place of Table 10's."""
        return [SamplingSettings("ancestral", steps, variance) for steps, variance in self._GRID]


class SmallScale:
    """Tables 2, 8 and 9 with narrow networks, each trained for half an hour on the images of a folder.

    The images that are held out from the training stand in for GoPro, the training's domain. Pairs of other origin stand in for
    RealBlur-J. The other sets have no stand-in, so the other tables are not available.

    Args:
      folder: images to train on, in the layout of `packaged_model.training_runs`.
      pairs: {name: folder with blur/ and sharp/}, which together are the other domain; if empty, the embedded scenes are.

    Raises:
      IcdpmError: the folder or a part of it is missing.

    Attributes:
      tables: names of the tables that this scale has.
    """

    name = "small"
    suffix = "_small"
    tables = ("table2", "table8", "table9")
    _STEPS = (1, 2, 4, 8)

    def __init__(self, folder, pairs):
        self._training, validation = load_training_data(folder)
        self.make_variables = {
            "FOLDER": abbreviate_home(str(folder)),
            "PAIRS": " ".join(f"{name}={abbreviate_home(str(each))}" for name, each in pairs.items()),
        }
        others = {name: load_pairs(each, "test") for name, each in pairs.items()}
        self._test = {
            IN_DOMAIN: select_blurred(validation),
            OUT_OF_DOMAIN: Mixture(others, [1] * len(others)) if others else select_blurred(EmbeddedPairs("test")),
        }
        self._labels = {
            IN_DOMAIN: f"images held out of {Path(folder).name}",
            OUT_OF_DOMAIN: " and ".join(others) or "embedded scenes",
        }

    def config(self, variant):
        """Returns the variant's config, narrowed and trained by the recipe of the config `small_naf`."""
        return scale_to_small(load_config(variant))

    def training_pairs(self, dataset=IN_DOMAIN):
        """Returns the folder's images, blurred as they are read, which stand in for every training set."""
        return self._training

    def test_pairs(self, dataset):
        """Returns the pairs that stand in for gopro or realblur_j."""
        return self._test[dataset]

    def label(self, dataset) -> str:
        """Returns the name of the data that is measured for a test set."""
        return f"{self._labels[dataset]} ({len(self._test[dataset])} pairs)"

    def alignment(self, dataset) -> str:
        """Returns 'none': the pairs are aligned."""
        return "none"

    def grid(self) -> list[SamplingSettings]:
        """Returns the sampler of the config `small` with one step and a few more, in place of Table 10's settings."""
        return [SamplingSettings(**load_config("small").sampling).changed(steps=steps) for steps in self._STEPS]


def make_scale(name, data_dir=None, folder=None, pairs=()):
    """Creates a scale.

    Args:
      name: 'paper', 'small' or 'micro'.
      data_dir: argument of `PaperScale`.
      folder, pairs: arguments of `SmallScale`.
    """
    if name == "small":
        return SmallScale(folder, dict(pairs))
    return PaperScale(data_dir) if name == "paper" else MicroScale()
