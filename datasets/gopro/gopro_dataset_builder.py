"""The TFDS data set `gopro`."""

from icdpm_datasets.published.builder import PairBuilder
from icdpm_datasets.published.sets import GOPRO


class Builder(PairBuilder, published=GOPRO):
    """GoPro with its two readings of the blur as configs; name the one that was used in every result."""
