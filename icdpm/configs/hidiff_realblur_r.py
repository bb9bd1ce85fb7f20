"""HI-Diff for RealBlur-R, the second stage: hidiff_realblur on other data (published 41.01 dB / 0.978).

    icdpm-train --config=hidiff_realblur_r --data=realblur_r --workdir=/tmp/hidiff --start_from=/tmp/stage1
"""

from icdpm.configs.hidiff_realblur import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_realblur_r"
    return config
