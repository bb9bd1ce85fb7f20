"""The networks that a config asks for; those of both kinds of block are called alike."""

from icdpm.networks.guidance import GuidanceNetwork
from icdpm.networks.naf_guidance import NAFGuidanceNetwork
from icdpm.networks.naf_unet import NAFUNet
from icdpm.networks.unet import DenoisingUNet
from icdpm.systems.config import guided_level


def make_unet(config):
    """The denoising UNet of a checked config."""
    unet, guidance = config.unet, config.guidance
    options = {
        "multipliers": unet.multipliers,
        "guided_levels": [guided_level(config, k) for k in guidance.scales] if guidance.route == "latent" else (),
        "patch": unet.patch,
        "embedding_scale": unet.embedding_scale,
        "dropout": unet.dropout,
        "zero_last": unet.zero_last,
    }
    if unet.block == "naf":
        return NAFUNet(unet.channels, config.precision, blocks=unet.blocks, **options)
    counts = {"encoder_blocks": unet.encoder_blocks, "middle_blocks": unet.middle_blocks}
    return DenoisingUNet(unet.channels, config.precision, **counts, **options)


def make_guidance_network(config, scale):
    """The guidance network of a scale k of a checked config."""
    guidance = config.guidance
    options = {
        "outputs": 1 if guidance.color == "gray" else 3,
        "zero_last": config.unet.zero_last,
        "name": f"guidance_{scale}",
    }
    if config.unet.block == "naf":
        return NAFGuidanceNetwork(guidance.channels, config.precision, blocks=guidance.middle_blocks, **options)
    return GuidanceNetwork(guidance.channels, config.precision, middle_blocks=guidance.middle_blocks, **options)
