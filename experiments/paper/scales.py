"""The scales of the experiments: the base class, paper and micro. `small_scale` has the third one.

A scale defines how a variant is trained, which pairs it is trained and tested on, and the grid of sampling settings. Test sets
have the names of the published ones at every scale; `label` names the data that is really measured.
"""

from __future__ import annotations

from pathlib import Path

from ml_collections import ConfigDict

from icdpm.configs import load_config
from icdpm.diffusion.schedules import linear_beta
from icdpm.models.settings import SamplingSettings
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.load import load_pairs
from icdpm_experiments.pairs import SelectedPairs
from icdpm_experiments.paper.models import ComparedModel
from icdpm_experiments.results import RESULTS_FOLDER, abbreviate_home

IN_DOMAIN, OUT_OF_DOMAIN = "gopro", "realblur_j"
# Table 10.
STEPS = (20, 30, 50, 100, 200, 500, 1000)
MAX_NOISE_VARIANCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
# Sections of a config about training and sampling, not about the model's structure.
_TRAINING = ("diffusion", "optimizer", "data", "run", "sampling")


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
        """Returns the test pairs of the other domain. The training pairs have images of all domains."""
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


def make_scale(name, data_dir=None):
    """Creates the scale 'paper' or 'micro'; `data_dir` is the argument of `PaperScale`."""
    return PaperScale(data_dir) if name == PaperScale.name else MicroScale()


def grid_settings(samples: int = 1) -> list[SamplingSettings]:
    """Returns the 19 settings of Table 10.

    The columns of the table's crosses are lost. The settings that end in noise, 1e-30 < γ_T < 1e-2, reproduce the number of
    crosses in each row.
    """
    return [
        SamplingSettings("ancestral", steps, variance, samples)
        for steps in STEPS
        for variance in MAX_NOISE_VARIANCES
        if 1e-30 < float(linear_beta(steps, variance)[-1]) < 1e-2
    ]


def grid_note(scale) -> str:
    """Returns a sentence that lists the points of a scale's sampling grid."""
    points = ", ".join(f"{each.steps} to {each.max_noise_variance:g}" for each in scale.grid())
    return f"The points of the sweep, as steps to largest noise variance: {points}."


def scale_to_micro(config: ConfigDict) -> ConfigDict:
    """Changes a variant's config to a quarter of its channels and a short training like that of the config `tiny`.

    It computes in float32: a CPU without bfloat16 instructions takes several times as long in bfloat16. HI-Diff, whose
    transformer takes seconds for a step, has a quarter of the steps in each stage.
    """
    copy_recipe(load_config("tiny"), config)
    divide_channels(config, unet=4, guidance=4)
    if "transformer" in config:
        config.transformer.blocks, config.transformer.refinement_blocks = (1, 1, 1, 1), 1
    config.precision = "float32"
    config.optimizer.ema_decay = 0.99
    config.data.batch = 8
    config.run.steps = 400
    if config.model == "hidiff":
        config.run.steps //= 4
        config.optimizer.learning_rate_ramp //= 4
    config.run.log_every = config.run.steps // 4
    config.run.validate_every = config.run.checkpoint_every = config.run.steps // 2
    config.run.validation_images = 4
    if "sampling" in config:
        config.sampling.steps = 2
        config.sampling.max_noise_variance = 0.8
    return config


def copy_recipe(recipe, config) -> None:
    """Copies depth, training and sampling from another config. The noise loss has no ramp without a guidance loss."""
    ramp = config.optimizer.get("noise_loss_ramp", 0) and recipe.optimizer.noise_loss_ramp
    for name, network in networks_of(config):
        depth = recipe.get(name, recipe.unet)
        network.update({field: depth[field] for field in ("encoder_blocks", "middle_blocks") if field in network})
    for section in _TRAINING:
        for field in set(config.get(section, ())) & set(recipe[section]):
            config[section][field] = recipe[section][field]
    if "noise_loss_ramp" in config.optimizer:
        config.optimizer.noise_loss_ramp = ramp


def divide_channels(config, unet, guidance) -> None:
    """Divides the channels of the guidance networks by `guidance`, those of all others by `unet`."""
    for name, network in networks_of(config):
        network.channels //= guidance if name == "guidance" else unet


def networks_of(config) -> list[tuple[str, ConfigDict]]:
    """Lists (name, section) of the networks of a config."""
    return [(name, section) for name, section in config.items() if hasattr(section, "channels")]
