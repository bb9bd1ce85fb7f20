"""At which scale the experiments run: the paper's own, or its whole path in minutes.

A scale says how a variant is trained, which pairs it is trained and tested on, and which settings of the sampler are
searched. Test sets go by the names of the published ones at both scales; `label` says what was really measured.
"""

from icdpm.configs import load_config
from icdpm.systems.settings import SamplingSettings
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.source import open_source
from icdpm_experiments.pairs import SelectedPairs
from icdpm_experiments.paper.table10 import grid_settings

IN_DOMAIN, OUT_OF_DOMAIN = "gopro", "realblur_j"
# Sections of a config that say how a system is trained and sampled, not what it is.
_TRAINING = ("diffusion", "optimizer", "data", "run", "sampling")


class PaperScale:
    """The paper's recipe: trained on GoPro, tested on the four published sets.

    Args:
      data_dir: where icdpm-prepare recorded the sets; None is TFDS's own default.
    """

    name = "paper"

    def __init__(self, data_dir=None):
        self._data_dir = data_dir

    def config(self, variant):
        """The checked config of a variant, by the name of its file in `configs`."""
        return load_config(variant)

    def training_pairs(self, dataset=IN_DOMAIN):
        """The `PairSource` that variants are trained on."""
        return open_source(dataset, "train", self._data_dir)

    def target_pairs(self):
        """The `PairSource` whose blurry pictures are the unlabelled ones of another domain (Fig. 9)."""
        return open_source(OUT_OF_DOMAIN, "train", self._data_dir)

    def test_pairs(self, dataset):
        """The `PairSource` of a test set: gopro, realblur_j, realblur_r, reds or hide."""
        return open_source(dataset, "test", self._data_dir)

    def label(self, dataset):
        """The name of what is measured where a table speaks of `dataset`."""
        return dataset

    def alignment(self, dataset):
        """How restored pictures are aligned before PSNR and SSIM, of `icdpm.evaluation.choice.ALIGNMENTS`.

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


def make_scale(name, data_dir=None):
    """The scale of a name, 'paper' or 'micro'."""
    return PaperScale(data_dir) if name == "paper" else MicroScale()


def micro(config):
    """A variant's config with the same structure, a quarter of the channels and the tiny config's way of short training."""
    tiny = load_config("tiny")
    ramp = config.optimizer.get("noise_loss_ramp", 0) and tiny.optimizer.noise_loss_ramp
    for name, network in config.items():
        if hasattr(network, "channels"):
            network.channels //= 4
            depth = tiny.get(name, tiny.unet)
            network.update({field: depth[field] for field in ("encoder_blocks", "middle_blocks") if field in network})
    if "transformer" in config:
        config.transformer.blocks, config.transformer.refinement_blocks = (1, 1, 1, 1), 1
    for section in _TRAINING:
        for field in set(config.get(section, ())) & set(tiny[section]):
            config[section][field] = tiny[section][field]
    if "noise_loss_ramp" in config.optimizer:
        config.optimizer.noise_loss_ramp = ramp
    config.optimizer.ema_decay = 0.99
    config.data.batch = 8
    config.run.steps = 400
    config.run.log_every = 100
    config.run.validate_every = config.run.checkpoint_every = 200
    config.run.validation_images = 4
    if "sampling" in config:
        config.sampling.steps = 2
        config.sampling.max_noise_variance = 0.8
    return config
