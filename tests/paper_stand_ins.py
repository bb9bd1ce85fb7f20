"""Stand-ins for the scales and runs of the paper's experiments, and readers of written results."""

import json
from pathlib import Path

import numpy as np
import PIL.Image

from icdpm.images.writing import write_image
from icdpm.metrics.psnr import psnr
from icdpm.models.settings import SamplingSettings
from icdpm_experiments.pairs import SelectedPairs
from icdpm_experiments.paper.models import HIDIFF_GOPRO
from icdpm_experiments.paper.scales import Scale


class OneModelScale(Scale):
    """A scale in which every variant is one small model and every test set a few pairs of noise."""

    name = "micro"

    def __init__(self, config, pairs):
        self._config = config
        self._pairs = pairs

    def config(self, variant):
        return self._config

    def training_pairs(self, dataset="gopro"):
        return self._pairs

    def test_pairs(self, dataset):
        return SelectedPairs(self._pairs, [0, 2], f"pairs in place of {dataset}")

    def label(self, dataset):
        return f"not {dataset}"

    def grid(self):
        return [SamplingSettings("ancestral", 1, 0.9), SamplingSettings("ancestral", 2, 0.8)]


class ExtendedScale(OneModelScale):
    """The same with two seeds, two test sets and further columns."""

    name = "small"
    suffix = "_small"
    extended = True
    further_models = {"HI-Diff": HIDIFF_GOPRO}
    seeds = 2

    def available_sets(self):
        return ["gopro", "realblur_j"]


class NoiseScale(Scale):
    """A scale with one test set of noise, whose names are in no figure."""

    name = "micro"

    def __init__(self, pairs):
        self._pairs = pairs

    def test_pairs(self, dataset):
        return self._pairs

    def label(self, dataset):
        return f"not {dataset}"


class StandInRuns:
    """`Runs` that mix the blurry image with a share of the sharp one, larger for Table 2 (f) than for (b).

    Attributes:
      calls: [(variant, dataset, names)] of each call of `restore`.
    """

    SHARE = {"table2_b": 0.25, "table2_f": 0.5, "hidiff_gopro": 0.75}

    def __init__(self, pairs, folder):
        self.scale = NoiseScale(pairs)
        self.folder = folder
        self.calls = []

    def restore(self, model, dataset, pairs=None):
        pairs = self.scale.test_pairs(dataset) if pairs is None else pairs
        self.calls.append((model.variant, dataset, pairs.names))
        for index, name in enumerate(pairs.names):
            blurry, sharp = pairs.load(index)
            share = self.SHARE[model.variant]
            mixed = blurry if sharp is None else (1 - share) * blurry + share * sharp
            write_image(self.folder / model.variant / f"{name}.png", mixed.round().astype(np.uint8))
        return self.folder / model.variant

    def measure_images(self, dataset, folders, metric):
        pairs = self.scale.test_pairs(dataset)
        values = {"blurry": [psnr(*pairs.load(index)) for index in range(len(pairs))]}
        for name, folder in folders.items():
            files = [np.asarray(PIL.Image.open(Path(folder) / f"{each}.png")) for each in pairs.names]
            values[name] = [psnr(file, pairs.load(index)[1]) for index, file in enumerate(files)]
        return {name: np.array(each) for name, each in values.items()}


def read_results(name):
    """Reads results/NAME.json."""
    return json.loads(Path(f"results/{name}.json").read_text())


def rows_of(name):
    """Returns the rows of results/NAME.json."""
    return read_results(name)["rows"]
