"""The TFDS data set `gopro`."""

from icdpm_datasets.published.builder import PairBuilder
from icdpm_datasets.published.sets import GOPRO


class Builder(PairBuilder, published=GOPRO):  # type: ignore[call-arg]
    """Builder of GoPro, with a config for each kind of blur. Every result should name the config."""
