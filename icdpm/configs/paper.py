"""The models of the paper (Ren et al., arXiv 2212.01789): Tables 2, 8, 9 and 11.

    icdpm-train --config=table2_c --data=gopro --workdir=runs/c --strategy=mirrored

The paper trains on 32 TPU v3 cores with a batch of 256; on fewer or smaller devices increase `optimizer.accumulation`.

Published PSNR in dB and LPIPS on GoPro and, without training on it, on RealBlur-J (Table 2); parameters and FLOPs at 1280×720
(Table 11):

    config      model                  GoPro           RealBlur-J      parameters   FLOPs
    table2_a    icDPM-S                30.555  0.077   28.209  0.150   6 M          1.2 T
    table2_b    icDPM-L                32.105  0.058   27.996  0.156   27 M         4.8 T
    table2_c    icDPM-S with Guide-S   31.298  0.068   28.286  0.145   10 M         2.5 T
    table2_d    icDPM-S with Guide-L   30.977  0.072   28.496  0.132   30 M         6.4 T
    table2_e    icDPM-L with Guide-S   32.220  0.058   28.742  0.128   30 M         6.1 T
    table2_f    icDPM-L with Guide-L   32.254  0.057   28.711  0.123   52 M         10 T
"""

from ml_collections import ConfigDict

from icdpm.models.config import default_config


def table2_a() -> ConfigDict:
    """Table 2 (a): icDPM-S, the unguided small model."""
    config = table2_c()
    config.guidance.scales = ()
    config.optimizer.noise_loss_ramp = 0  # assumed: without a guidance loss, no warm-up is needed
    return config


def table2_b() -> ConfigDict:
    """Table 2 (b): icDPM-L, the unguided large model."""
    config = table2_a()
    config.unet.channels = 64
    return config


def table2_c() -> ConfigDict:
    """Table 2 (c): icDPM-S with Guide-S, the guided small model. All other variants change this config."""
    config = default_config("icdpm")
    config.unet.channels = 32
    config.guidance.channels = 32
    return config


def table2_d() -> ConfigDict:
    """Table 2 (d): icDPM-S with Guide-L."""
    config = table2_c()
    config.guidance.channels = 64
    return config


def table2_e() -> ConfigDict:
    """Table 2 (e): icDPM-L with Guide-S."""
    config = table2_c()
    config.unet.channels = 64
    return config


def table2_f() -> ConfigDict:
    """Table 2 (f): icDPM-L with Guide-L, the paper's best model."""
    config = table2_c()
    config.unet.channels = 64
    config.guidance.channels = 64
    return config


def table8_a() -> ConfigDict:
    """Table 8 (a): no guidance; the network of Table 2 (a). Published on RealBlur-J: 28.21 dB, LPIPS 0.156."""
    return table2_a()


def table8_b() -> ConfigDict:
    """Table 8 (b): the RGB ×8 regression output is upsampled and concatenated to the input. Published: 28.34 dB, 0.145."""
    config = table2_c()
    config.guidance.scales = (3,)
    config.guidance.color = "rgb"
    config.guidance.route = "input"
    return config


def table8_c() -> ConfigDict:
    """Table 8 (c): RGB ×8 guidance features in latent space. Published: 28.45 dB, 0.143."""
    config = table2_c()
    config.guidance.scales = (3,)
    config.guidance.color = "rgb"
    return config


def table8_d() -> ConfigDict:
    """Table 8 (d): RGB ×2, ×4 and ×8 guidance features in latent space. Published: 28.45 dB, 0.141."""
    config = table2_c()
    config.guidance.color = "rgb"
    return config


def table8_e() -> ConfigDict:
    """Table 8 (e): gray ×2, ×4 and ×8 features in latent space; the network of Table 2 (c). Published: 28.63 dB, 0.137."""
    return table2_c()


def table9_without_concatenation() -> ConfigDict:
    """Table 9, w/o input concatenation: Table 8 (d) whose UNet receives the blurry image through its guidance only."""
    config = table8_d()
    config.unet.concat_blurry = False
    return config


CONFIGS = (
    table2_a,
    table2_b,
    table2_c,
    table2_d,
    table2_e,
    table2_f,
    table8_a,
    table8_b,
    table8_c,
    table8_d,
    table8_e,
    table9_without_concatenation,
)
