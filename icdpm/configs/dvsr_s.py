"""DvSR for small machines: predictor and denoiser half as wide as those of dvsr."""

from icdpm.configs.dvsr import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "dvsr_s"
    config.predictor.channels = 32
    config.unet.channels = 16
    return config
