"""The TFDS data set `gopro`."""

from icdpm_datasets.gopro.layout import GoProLayout
from icdpm_datasets.published.builder import PairBuilder, PairConfig


class Builder(PairBuilder):
    """GoPro with its two readings of the blur as configs; name the one that was used in every result."""

    BUILDER_CONFIGS = [
        PairConfig(
            name="blur",
            description="Frames averaged as they are (the camera response taken as linear); used by recent papers.",
            layout=GoProLayout("blur"),
        ),
        PairConfig(
            name="blur_gamma",
            description="Frames averaged in light by a gamma of 2.2; used by Nah et al.",
            layout=GoProLayout("blur_gamma"),
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = GoProLayout("blur").instructions
