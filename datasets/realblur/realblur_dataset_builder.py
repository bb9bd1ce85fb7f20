"""The TFDS data set `realblur`, with configs `j` and `r`."""

from icdpm_datasets.published.builder import PairBuilder
from icdpm_datasets.published.sets import REALBLUR


class Builder(PairBuilder, published=REALBLUR):
    """RealBlur: real camera shake, taken through a beam splitter by two cameras at once."""
