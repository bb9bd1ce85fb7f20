"""The TFDS data set `realblur`, with configs `j` and `r`."""

from icdpm_datasets.published.builder import PairBuilder, PairConfig
from icdpm_datasets.realblur.layout import RealBlurLayout


class Builder(PairBuilder):
    """RealBlur: real camera shake, taken through a beam splitter by two cameras at once."""

    BUILDER_CONFIGS = [
        PairConfig(name="j", description="RealBlur-J: JPEGs as the camera developed them.", layout=RealBlurLayout("J")),
        PairConfig(name="r", description="RealBlur-R: developed from raw, denoised.", layout=RealBlurLayout("R")),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = RealBlurLayout("J").instructions
