"""HI-Diff's ablation, Baseline: the transformer without a prior, in one stage; 19.13 M parameters.

Published 31.96 dB / 0.9528.

    icdpm-train --config=hidiff_ablation_baseline --data=gopro --workdir=/tmp/baseline
"""

from icdpm.configs.hidiff_ablation_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_ablation_baseline"
    config.prior.source = "none"
    return config
