"""HI-Diff for RealBlur-J or RealBlur-R, the second stage: 24,182,959 parameters at inference.

    icdpm-train --config=hidiff_realblur --data=realblur_j --workdir=/tmp/hidiff --start_from=/tmp/stage1

Published, trained on each: RealBlur-J 33.70 dB / 0.941, RealBlur-R 41.01 / 0.978.
"""

from icdpm.configs.hidiff_realblur_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_realblur"
    config.prior.source = "diffused"
    return config
