"""HI-Diff's ablation, the first stage of its row Single-Guide.

    icdpm-train --config=hidiff_ablation_single_stage1 --data=gopro --workdir=/tmp/stage1

All levels, the bottleneck too, are told of one prior by cross-attention. That it has 4 tokens follows from the published
multiply-adds (assumed): with 16 they would be 0.6 G more.
"""

from icdpm.configs.hidiff_ablation_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_ablation_single_stage1"
    config.transformer.guide = "single"
    config.prior.side = 2  # assumed
    return config
