"""A HI-Diff for two CPU cores, the second stage.

    icdpm-train --config=hidiff_tiny --data=embedded --workdir=/tmp/tiny --start_from=/tmp/stage1
"""

from icdpm.configs.hidiff_tiny_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_tiny"
    config.prior.source = "diffused"
    config.optimizer.learning_rate_decay = (1000, 2000)
    config.data.progressive_steps = (1500,)
    config.data.progressive_crops = (96,)
    config.data.progressive_batches = (4,)
    config.run.steps = 2000
    return config
