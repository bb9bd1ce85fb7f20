"""The TFDS data set `hide`."""

from icdpm_datasets.published.builder import PairBuilder
from icdpm_datasets.published.sets import HIDE


class Builder(PairBuilder, published=HIDE):  # type: ignore[call-arg]
    """Builder of HIDE: people in motion, in close-ups and long shots."""
