"""Small icDPMs that are trained on CPUs within minutes or hours.

icdpm-train --config=tiny --data=embedded --workdir=/tmp/tiny
icdpm-train --config=small --data=motion:photos:0.72,… --workdir=runs/small
make weights FOLDER=images       # the packaged model, by small_naf in ten runs
"""

from ml_collections import ConfigDict

from icdpm.configs.paper import table2_c


def tiny() -> ConfigDict:
    """A guided model of 1.3 M parameters, which two CPU cores train in about ten minutes.

    Differences from the paper's recipe: short runs need the preconditioned parametrization (plain ε-prediction barely improves
    on its input in this time), a higher constant learning rate, a shorter average and short ramps.
    """
    config = table2_c()
    config.unet.channels = 16
    config.unet.encoder_blocks = 1
    config.guidance.channels = 8
    config.guidance.middle_blocks = 1
    config.diffusion.parametrisation = "preconditioned_noise"
    config.diffusion.loss = "l2"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.learning_rate_ramp = 200
    config.optimizer.noise_loss_ramp = 100
    config.optimizer.beta_1 = 0.9
    config.optimizer.ema_decay = 0.998
    config.optimizer.gradient_clip = 1.0
    config.data.batch = 16
    config.data.crop = 64
    config.run.steps = 3500
    config.run.log_every = 20
    config.run.validate_every = 500
    config.run.checkpoint_every = 250
    config.sampling.steps = 5
    config.sampling.max_noise_variance = 0.5
    return config


def small() -> ConfigDict:
    """A guided model of 4.5 M parameters for real photos, which two CPU cores train in hours.

    Differences from the paper's recipe:
      - 4×4 pixels become channels before the first level (`unet.patch`), so that a wide network with a large receptive field
        costs as much as a narrow one; guidance enters at 1/4 and 1/8 of the resolution.
      - The network receives the noisy image as in `preconditioned_estimate`. At the noise levels of few-step sampling, noise of
        unit variance would hide the fine structure of the blurry image and delay training by a thousand steps.
      - The L2 loss, which improves the PSNR of strong blur first.
      - A higher learning rate, which decays at the end of so short a run, short ramps and a shorter average.
    """
    config = tiny()
    config.unet.patch = 4
    config.unet.channels = 48
    config.unet.multipliers = (1, 2, 3)
    config.guidance.scales = (2, 3)
    config.diffusion.parametrisation = "preconditioned_estimate"
    config.optimizer.learning_rate = 4e-4
    config.optimizer.learning_rate_decay = (32_000, 44_000)
    config.optimizer.ema_decay = 0.9995
    config.data.batch = 12
    config.data.crop = 96
    config.run.steps = 44_000
    config.run.checkpoint_every = 500
    config.run.validation_images = 19
    config.sampling.steps = 1
    config.sampling.schedule = "log_snr"
    config.sampling.max_noise_variance = 0.995
    return config


def small_naf() -> ConfigDict:
    """A guided model of 3.0 M parameters in NAF blocks, trained in hours of one core: that of the packaged model.

    Differences from `small`:
      - NAF blocks on patches of 2×2 pixels, which gain at least twice as much in equal CPU time. Since it is trained for hours,
        the network is wider, and deeper at 1/8 and 1/16 of the resolution, than is best for the first minutes.
      - A faster rise of the noise levels (`diffusion.beta_end`): in one of eight examples, instead of one of four, the noisy
        image shows more of the sharp image than of the noise. The others resemble the first evaluation of few-step sampling.
      - Larger weights of mildly blurred and sharp examples (`diffusion.blur_exponent`), so that they degrade less.
      - Six uses of each crop, with different augmentations: blurring new crops would take a tenth of the time of a step.
    """
    config = small()
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


def small_naf_unguided() -> ConfigDict:
    """The packaged model without guidance, for comparison."""
    config = small_naf()
    config.guidance.scales = ()
    config.optimizer.noise_loss_ramp = 0  # as in table2_a
    return config


CONFIGS = (tiny, small, small_naf, small_naf_unguided)
