"""At which scale the experiments run: the paper's own, small networks on real pictures in half an hour, or the path in minutes.

A scale says how a variant is trained, which pairs it is trained and tested on, and which settings of the sampler are
searched. Test sets go by the names of the published ones at every scale; `label` says what was really measured. Its `suffix`
is that of its results' names, and `given` what its make command takes besides: {'DATA_DIR': …}.
"""

from icdpm.configs import load_config
from icdpm.models.settings import SamplingSettings
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pairs import Mixture
from icdpm_experiments.packaged_model.training_runs import open_training_data
from icdpm_experiments.pairs import SelectedPairs, select_blurred
from icdpm_experiments.paper.shrunken import micro, small
from icdpm_experiments.paper.table10 import grid_settings

IN_DOMAIN, OUT_OF_DOMAIN = "gopro", "realblur_j"


class PaperScale:
    """The paper's recipe: trained on GoPro, tested on the four published sets.

    Args:
      data_dir: where icdpm-prepare recorded the sets; None is TFDS's own default.
    """

    name = "paper"
    suffix = ""
    given = {}

    def __init__(self, data_dir=None):
        self._data_dir = data_dir

    def config(self, variant):
        """The checked config of a variant, by the name of its file in `configs`."""
        return load_config(variant)

    def training_pairs(self, dataset=IN_DOMAIN):
        """The `PairSource` that variants are trained on."""
        return load_pairs(dataset, "train", self._data_dir)

    def target_pairs(self):
        """The `PairSource` whose blurry pictures are the unlabelled ones of another domain (Fig. 9)."""
        return load_pairs(OUT_OF_DOMAIN, "train", self._data_dir)

    def test_pairs(self, dataset):
        """The `PairSource` of a test set: gopro, realblur_j, realblur_r, reds or hide."""
        return load_pairs(dataset, "test", self._data_dir)

    def label(self, dataset):
        """The name of what is measured where a table speaks of `dataset`."""
        return dataset

    def alignment(self, dataset):
        """How restored pictures are aligned before PSNR and SSIM, of `icdpm.evaluation.metric_selection.ALIGNMENTS`.

        The paper does not say, but gives for other methods on RealBlur-J the values of the official, aligned protocol.
        """
        return "ecc" if dataset.startswith("realblur") else "none"

    def grid(self):
        """The settings of the sampler that are searched: Table 10's."""
        return grid_settings()


class MicroScale:
    """The same path in minutes on two cores: small networks, briefly trained on the embedded pairs.

    Kinds of embedded test pairs stand in for the four sets; the training pairs show all kinds, so none is out-of-domain.
    """

    name = "micro"
    suffix = ""
    given = {}
    _GRID = ((1, 0.9), (2, 0.8), (5, 0.5), (10, 0.5), (20, 0.3))
    _STAND_INS = {
        "gopro": ("embedded photos", ("photo",)),
        "realblur_j": ("embedded lettering and lights", ("text", "night")),
        "realblur_r": ("embedded lights", ("night",)),
        "reds": ("embedded dead leaves", ("deadleaves", "mixed")),
        "hide": ("embedded façades", ("architecture",)),
    }

    def config(self, variant):
        """The variant's config, made small."""
        return micro(load_config(variant))

    def training_pairs(self, dataset=IN_DOMAIN):
        """The embedded training pairs, whatever they stand in for."""
        return EmbeddedPairs("train")

    def target_pairs(self):
        """The test pairs that stand in for the other domain, whose blurry pictures are the only ones of it alone."""
        return self.test_pairs(OUT_OF_DOMAIN)

    def test_pairs(self, dataset):
        """The embedded test pairs of the kinds that stand in for the set."""
        label, kinds = self._STAND_INS[dataset]
        test = EmbeddedPairs("test")
        chosen = [index for index, name in enumerate(test.names) if name.startswith(kinds)]
        return SelectedPairs(test, chosen, f"{label}: {len(chosen)} test pairs")

    def label(self, dataset):
        """The name of what is measured where a table speaks of `dataset`."""
        return self._STAND_INS[dataset][0]

    def alignment(self, dataset):
        """The embedded pairs need no alignment."""
        return "none"

    def grid(self):
        """A few settings of a few steps, in place of Table 10's."""
        return [SamplingSettings("ancestral", steps, variance) for steps, variance in self._GRID]


class SmallScale:
    """Tables 2, 8 and 9 in the small: narrow networks, trained for half an hour on the packaged model's pictures.

    The pictures that are held out of the training stand in for GoPro, in the domain of the training; pairs of other origin for
    RealBlur-J, out of it. The other two sets have no stand-in, so that other tables cannot be made.

    Args:
      folder: of the pictures, as `packaged_model.training_pictures` has them.
      pairs: {name: folder with blur/ and sharp/}, which together are the other domain; where there are none, the embedded
        scenes are.

    Raises:
      IcdpmError: the folder or a part of it is missing.

    Attributes:
      tables: that can be made at this scale.
    """

    name = "small"
    suffix = "_small"
    tables = ("table2", "table8", "table9")
    _STEPS = (1, 2, 4, 8)

    def __init__(self, folder, pairs):
        self._training, validation = open_training_data(folder)
        self.given = {"FOLDER": "pictures", "PAIRS": " ".join(f"{name}={each}" for name, each in pairs.items())}
        others = {name: load_pairs(each, "test") for name, each in pairs.items()}
        self._test = {
            IN_DOMAIN: select_blurred(validation),
            OUT_OF_DOMAIN: Mixture(others, [1] * len(others)) if others else select_blurred(EmbeddedPairs("test")),
        }
        self._labels = {IN_DOMAIN: "held-out pictures", OUT_OF_DOMAIN: " and ".join(others) or "embedded scenes"}

    def config(self, variant):
        """The variant's config, narrowed and trained by the recipe of the config `small_naf`."""
        return small(load_config(variant))

    def training_pairs(self, dataset=IN_DOMAIN):
        """The folder's pictures, blurred as they are read, in the packaged model's proportions, whatever they stand in for."""
        return self._training

    def test_pairs(self, dataset):
        """The pairs that stand in for the set, gopro or realblur_j."""
        return self._test[dataset]

    def label(self, dataset):
        """The name of what is measured where a table speaks of `dataset`."""
        return f"{self._labels[dataset]} ({len(self._test[dataset])} pairs)"

    def alignment(self, dataset):
        """The pairs need no alignment."""
        return "none"

    def grid(self):
        """The config's way of sampling in one step and a few more, in place of Table 10's settings."""
        return [SamplingSettings(**load_config("small").sampling).changed(steps=steps) for steps in self._STEPS]


def make_scale(name, data_dir=None, folder=None, pairs=()):
    """The scale of a name.

    Args:
      name: 'paper', 'small' or 'micro'.
      data_dir: of the paper's scale.
      folder, pairs: of the small one.
    """
    if name == "small":
        return SmallScale(folder, dict(pairs))
    return PaperScale(data_dir) if name == "paper" else MicroScale()
