"""The TFDS data set `hide`."""

from icdpm_datasets.published.builder import PairBuilder
from icdpm_datasets.published.sets import HIDE


class Builder(PairBuilder, published=HIDE):
    """HIDE: people in motion, close up and far away."""
