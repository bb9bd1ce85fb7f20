"""HI-Diff for GoPro, the first stage: the transformer, told by what a latent encoder says of the sharp and the blurry picture.

    icdpm-train --config=hidiff_gopro_stage1 --data=gopro --workdir=/tmp/stage1

The published recipe: patches grow from 128 to 384 pixels while batches shrink from 16 to 2 on each GPU. The launch command of
the official README starts four, so a step has 64 images at first and 8 at the end.
"""

from icdpm.models.config import default_config


def get_config():
    """The config of this variant."""
    config = default_config("hidiff")
    config.name = "hidiff_gopro_stage1"
    config.prior.source = "encoded"
    config.optimizer.learning_rate = 2e-4
    config.optimizer.learning_rate_ramp = 0
    config.optimizer.learning_rate_decay = (100_000, 300_000)
    config.optimizer.learning_rate_end = 1e-6
    config.optimizer.learning_rate_shape = "cosine"
    config.optimizer.weight_decay = 1e-4
    config.optimizer.beta_1 = 0.9
    config.optimizer.ema_decay = 0.0  # no average
    config.optimizer.gradient_clip = 0.01
    config.data.batch = 64
    config.data.crop = 128
    config.data.progressive_steps = (20_000, 40_000, 60_000, 80_000, 100_000)
    config.data.progressive_crops = (160, 192, 256, 320, 384)
    config.data.progressive_batches = (40, 32, 16, 8, 8)
    config.run.steps = 300_000
    return config
