"""HI-Diff's ablation, HI-Diff: 23.99 M parameters (published 32.24 dB / 0.9558).

    icdpm-train --config=hidiff_ablation_full --data=gopro --workdir=/tmp/full --start_from=/tmp/stage1
"""

from icdpm.configs.hidiff_ablation_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_ablation_full"
    config.prior.source = "diffused"
    return config
