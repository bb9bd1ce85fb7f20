"""The TFDS data set `realblur`, with configs `j` and `r`."""

from icdpm_datasets.published.builder import PairBuilder
from icdpm_datasets.published.sets import REALBLUR


class Builder(PairBuilder, published=REALBLUR):  # type: ignore[call-arg]
    """Builder of RealBlur: real camera shake, captured by two cameras behind a beam splitter."""
