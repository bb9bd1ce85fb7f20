"""HI-Diff's ablation, Single-Guide: one prior at every level; 21.98 M parameters (published 32.00 dB / 0.9534).

    icdpm-train --config=hidiff_ablation_single --data=gopro --workdir=/tmp/single --start_from=/tmp/stage1
"""

from icdpm.configs.hidiff_ablation_single_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_ablation_single"
    config.prior.source = "diffused"
    return config
