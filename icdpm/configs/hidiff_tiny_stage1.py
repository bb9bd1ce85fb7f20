"""A HI-Diff for two CPU cores, the first stage; hidiff_tiny is the second.

    icdpm-train --config=hidiff_tiny_stage1 --data=embedded --workdir=/tmp/stage1

What differs from the paper's recipe, for short training: pixels are taken in patches of 2, and all that is added to features
starts at zero.
"""

from icdpm.configs.hidiff_gopro_stage1 import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "hidiff_tiny_stage1"
    config.precision = "mixed_bfloat16"
    config.transformer.patch = 2
    config.transformer.zero_last = True
    config.transformer.channels = 16
    config.transformer.blocks = (1, 1, 1, 1)
    config.transformer.refinement_blocks = 1
    config.transformer.expansion = 2.0
    config.prior.width = 64
    config.encoder.channels = 16
    config.encoder.blocks = 2
    config.denoiser.hidden = 128
    config.optimizer.learning_rate = 1e-3
    config.optimizer.learning_rate_ramp = 100
    config.optimizer.learning_rate_decay = (500, 1000)
    config.optimizer.ema_decay = 0.995
    config.optimizer.gradient_clip = 0.1
    config.data.batch = 8
    config.data.crop = 64
    config.run.steps = 1000
    config.run.log_every = 20
    config.run.validate_every = 500
    config.run.checkpoint_every = 250
    return config
