"""HI-Diff for RealBlur-R, the first stage: hidiff_realblur_stage1 on other data.

    icdpm-train --config=hidiff_realblur_r_stage1 --data=realblur_r --workdir=/tmp/stage1
"""

from icdpm.configs.hidiff_realblur_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_realblur_r_stage1"
    return config
