"""HI-Diff for GoPro, the second stage: 28,486,900 parameters at inference (published: 28.49 M).

    icdpm-train --config=hidiff_gopro --data=gopro --workdir=/tmp/hidiff --start_from=/tmp/stage1

Published: GoPro 33.33 dB / 0.964, HIDE 31.46 / 0.945, RealBlur-J 29.15 / 0.890, RealBlur-R 36.28 / 0.958.
"""

from icdpm.configs.hidiff_gopro_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_gopro"
    config.prior.source = "diffused"
    return config
