"""The TFDS data set `reds`."""

from icdpm_datasets.published.builder import PairBuilder, PairConfig
from icdpm_datasets.reds.layout import RedsLayout


def _configs() -> list[PairConfig]:
    """A config for each published folder of blurry frames; REDS-val-300, on which methods are compared, comes first."""
    configs = []
    for part, every_tenth in (("val", True), ("val", False), ("train", False)):
        for degradation, what in (("blur", "blur"), ("blur_jpeg", "blur and JPEG compression")):
            frames = "Frames 9, 19, ..., 99 (REDS-val-300)" if every_tenth else "All frames"
            config = PairConfig(
                name=f"{part}_{degradation}" + ("_300" if every_tenth else ""),
                description=f"{frames} of the clips in {part}_{degradation}: {what}.",
                layout=RedsLayout(part, degradation, every_tenth),
            )
            configs.append(config)
    return configs


class Builder(PairBuilder):
    """REDS, one config a published folder; name the one that was used in every result."""

    BUILDER_CONFIGS = _configs()
    MANUAL_DOWNLOAD_INSTRUCTIONS = RedsLayout("val", "blur", every_tenth=True).instructions
