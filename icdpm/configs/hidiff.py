"""HI-Diff (Chen et al., NeurIPS 2023). Each model is trained in two stages, with two commands:

    icdpm-train --config=hidiff_gopro_stage1 --data=gopro --workdir=runs/stage1
    icdpm-train --config=hidiff_gopro --data=gopro --workdir=runs/hidiff --start_from=runs/stage1

The paper's recipe: the side of the patches grows from 128 to 384 pixels while the batch shrinks from 16 to 2 on each GPU. The
launch command of the official README uses four GPUs, so a step has 64 images at first and 8 at the end.

Published PSNR in dB and SSIM; parameters at inference:

    config                     trained on    tested on     PSNR    SSIM     parameters
    hidiff_gopro               GoPro         GoPro         33.33   0.964    28.49 M
                                             HIDE          31.46   0.945
                                             RealBlur-J    29.15   0.890
                                             RealBlur-R    36.28   0.958
    hidiff_realblur            RealBlur-J    RealBlur-J    33.70   0.941
    hidiff_realblur_r          RealBlur-R    RealBlur-R    41.01   0.978
    hidiff_ablation_baseline   GoPro         GoPro         31.96   0.9528   19.13 M
    hidiff_ablation_single     GoPro         GoPro         32.00   0.9534   21.98 M
    hidiff_ablation_split      GoPro         GoPro         30.73   0.9434   23.99 M
    hidiff_ablation_full       GoPro         GoPro         32.24   0.9558   23.99 M
"""

from ml_collections import ConfigDict

from icdpm.models.config import default_config


def _second_stage(first_stage: ConfigDict) -> ConfigDict:
    first_stage.prior.source = "diffused"
    return first_stage


def hidiff_gopro_stage1() -> ConfigDict:
    """First stage for GoPro: the transformer and the latent encoder, which receives the sharp and the blurry image."""
    config = default_config("hidiff")
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


def hidiff_gopro() -> ConfigDict:
    """Second stage for GoPro: 28,486,900 parameters at inference (published: 28.49 M)."""
    return _second_stage(hidiff_gopro_stage1())


def hidiff_realblur_stage1() -> ConfigDict:
    """First stage for RealBlur-J, by the recipe of hidiff_gopro_stage1."""
    config = hidiff_gopro_stage1()
    config.transformer.expansion = 2.0
    config.encoder.kind = "leaky_relu"
    config.encoder.blocks = 5
    config.denoiser.kind = "perceptron"
    config.denoiser.blocks = 4
    config.chain.steps = 16
    config.chain.spacing = "quadratic"
    config.chain.predicts = "image"
    return config


def hidiff_realblur() -> ConfigDict:
    """Second stage for RealBlur-J: 24,182,959 parameters at inference."""
    return _second_stage(hidiff_realblur_stage1())


def hidiff_realblur_r_stage1() -> ConfigDict:
    """First stage for RealBlur-R: hidiff_realblur_stage1 with other data."""
    return hidiff_realblur_stage1()


def hidiff_realblur_r() -> ConfigDict:
    """Second stage for RealBlur-R: hidiff_realblur with other data."""
    return hidiff_realblur()


def hidiff_ablation_stage1() -> ConfigDict:
    """Ablation, first stage of the rows Split-Training and HI-Diff.

    It is hidiff_realblur_stage1 except for the denoiser, whose size follows from the published parameters of all four rows.
    """
    config = hidiff_realblur_stage1()
    config.denoiser.blocks = 1  # assumed
    return config


def hidiff_ablation_baseline() -> ConfigDict:
    """Ablation, Baseline: the transformer without a prior, in one stage."""
    config = hidiff_ablation_stage1()
    config.prior.source = "none"
    return config


def hidiff_ablation_single_stage1() -> ConfigDict:
    """Ablation, first stage of the row Single-Guide: all levels and the bottleneck attend to one prior.

    That the prior has 4 tokens follows from the published multiply-adds (assumed): with 16 they would be 0.6 G more.
    """
    config = hidiff_ablation_stage1()
    config.transformer.guide = "single"
    config.prior.side = 2  # assumed
    return config


def hidiff_ablation_single() -> ConfigDict:
    """Ablation, Single-Guide."""
    return _second_stage(hidiff_ablation_single_stage1())


def hidiff_ablation_full() -> ConfigDict:
    """Ablation, HI-Diff."""
    return _second_stage(hidiff_ablation_stage1())


def hidiff_ablation_split() -> ConfigDict:
    """Ablation, Split-Training: the second stage does not train the transformer."""
    config = hidiff_ablation_full()
    config.prior.joint = False
    return config


def hidiff_tiny_stage1() -> ConfigDict:
    """A HI-Diff of 1.0 M parameters at inference, for two CPU cores, first stage.

    Differences from the paper's recipe, for short training: the transformer works on patches of 2×2 pixels, and everything that
    is added to features starts at zero.
    """
    config = hidiff_gopro_stage1()
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


def hidiff_tiny() -> ConfigDict:
    """A HI-Diff for two CPU cores, second stage."""
    config = _second_stage(hidiff_tiny_stage1())
    config.optimizer.learning_rate_decay = (1000, 2000)
    config.data.progressive_steps = (1500,)
    config.data.progressive_crops = (96,)
    config.data.progressive_batches = (4,)
    config.run.steps = 2000
    return config


CONFIGS = (
    hidiff_gopro_stage1,
    hidiff_gopro,
    hidiff_realblur_stage1,
    hidiff_realblur,
    hidiff_realblur_r_stage1,
    hidiff_realblur_r,
    hidiff_ablation_stage1,
    hidiff_ablation_baseline,
    hidiff_ablation_single_stage1,
    hidiff_ablation_single,
    hidiff_ablation_split,
    hidiff_ablation_full,
    hidiff_tiny_stage1,
    hidiff_tiny,
)
