"""HI-Diff's ablation, the first stage of its rows Split-Training and HI-Diff (23.99 M parameters at inference).

    icdpm-train --config=hidiff_ablation_stage1 --data=gopro --workdir=/tmp/stage1

As hidiff_realblur_stage1 but for the denoiser, whose size follows from the published parameters of all four rows (assumed).
"""

from icdpm.configs.hidiff_realblur_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_ablation_stage1"
    config.denoiser.blocks = 1  # assumed
    return config
