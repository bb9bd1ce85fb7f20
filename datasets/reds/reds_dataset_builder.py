"""The TFDS data set `reds`."""

from icdpm_datasets.published.builder import PairBuilder
from icdpm_datasets.published.sets import REDS


class Builder(PairBuilder, published=REDS):  # type: ignore[call-arg]
    """Builder of REDS, with a config for each published folder. Every result should name the config."""
