"""HI-Diff for RealBlur-J, the second stage: 24,182,959 parameters at inference; hidiff_realblur_r is for RealBlur-R.

    icdpm-train --config=hidiff_realblur --data=realblur_j --workdir=/tmp/hidiff --start_from=/tmp/stage1

Published: RealBlur-J 33.70 dB / 0.941.
"""

from icdpm.configs.hidiff_realblur_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_realblur"
    config.prior.source = "diffused"
    return config
