"""A guided model of NAF blocks for real photos that two CPU cores can train: 3.0 M parameters, hours of one core.

    make weights FOLDER=pictures

The packaged model is trained by it, in three runs. What differs from `small`, and why:
  - NAF blocks on patches of 2: in equal CPU time they gain twice what small's blocks do and more. Wider, and deeper where
    blocks see 1/8 and 1/16 of the resolution, than what learns most in the first minutes: it has hours to fill.
  - Noise levels rise faster (diffusion.beta_end): one example in eight, not one in four, shows more of the sharp picture
    than of the noise. The others are what the first evaluation of few-step sampling sees.
  - Mildly blurred and sharp examples weigh more (diffusion.blur_exponent), so that they are made less worse.
  - Crops are shown six times, turned anew: blurring them would cost a tenth of a step.
"""

from icdpm.configs.small import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "small_naf"
    config.unet.block = "naf"
    config.unet.patch = 2
    config.unet.channels = 32
    config.unet.multipliers = (1, 2, 4, 8)
    config.unet.blocks = (1, 1, 4, 4, 2, 1, 1)
    config.guidance.channels = 16
    config.guidance.middle_blocks = 3
    config.diffusion.beta_end = 0.05
    config.diffusion.blur_exponent = 0.25
    config.optimizer.learning_rate = 1e-3
    config.optimizer.learning_rate_decay = (48_925, 58_925)
    config.data.repeat = 6
    config.sampling.max_noise_variance = 0.999
    config.run.steps = 58_925
    config.run.validate_every = 1_000
    config.run.checkpoint_every = 1_000
    return config
