"""The TFDS data set `reds`."""

from icdpm_datasets.published.builder import PairBuilder
from icdpm_datasets.published.sets import REDS


class Builder(PairBuilder, published=REDS):
    """REDS, one config a published folder; name the one that was used in every result."""
