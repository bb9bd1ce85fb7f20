"""UNet regression as regression_l, with the small network."""

from icdpm.configs.regression_l import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "regression_s"
    config.unet.channels = 32
    return config
