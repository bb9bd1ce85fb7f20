"""DvSR for small machines: the denoiser as wide as dvsr's predictor, the predictor half as wide as that."""

from icdpm.configs.dvsr import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "dvsr_s"
    config.unet.channels = 32
    config.predictor.channels = 16
    return config
