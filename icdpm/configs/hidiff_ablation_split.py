"""HI-Diff's ablation, Split-Training: the transformer stays as the first stage left it (published 30.73 dB / 0.9434).

    icdpm-train --config=hidiff_ablation_split --data=gopro --workdir=/tmp/split --start_from=/tmp/stage1
"""

from icdpm.configs.hidiff_ablation_full import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_ablation_split"
    config.prior.joint = False
    return config
