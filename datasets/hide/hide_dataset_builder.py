"""The TFDS data set `hide`."""

from icdpm_datasets.hide.layout import HideLayout
from icdpm_datasets.published.builder import PairBuilder


class Builder(PairBuilder):
    """HIDE: people in motion, close up and far away."""

    layout = HideLayout()
    MANUAL_DOWNLOAD_INSTRUCTIONS = layout.instructions
