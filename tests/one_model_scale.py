"""A scale for tests whose every variant is one small model, and a reader of written results."""

import json
from pathlib import Path

from icdpm.models.settings import SamplingSettings
from icdpm_experiments.pairs import SelectedPairs


class OneModelScale:
    """A scale whose every variant is one small model, and whose every test set is a few pairs of noise."""

    name = "micro"
    suffix = ""
    make_variables = {}

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

    def alignment(self, dataset):
        return "none"

    def grid(self):
        return [SamplingSettings("ancestral", 1, 0.9), SamplingSettings("ancestral", 2, 0.8)]


def rows_of(name):
    """Returns the rows of results/NAME.json."""
    return json.loads(Path(f"results/{name}.json").read_text())["rows"]
