"""HI-Diff for RealBlur-J, the first stage; trained by the recipe of hidiff_gopro_stage1.

    icdpm-train --config=hidiff_realblur_stage1 --data=realblur_j --workdir=/tmp/stage1
"""

from icdpm.configs.hidiff_gopro_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_realblur_stage1"
    config.transformer.expansion = 2.0
    config.encoder.kind = "leaky_relu"
    config.encoder.blocks = 5
    config.denoiser.kind = "perceptron"
    config.denoiser.blocks = 4
    config.chain.steps = 16
    config.chain.spacing = "quadratic"
    config.chain.predicts = "image"
    return config
