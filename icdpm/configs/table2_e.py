"""Table 2 (e): icDPM-L with Guide-S."""

from icdpm.configs.table2_c import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "table2_e"
    config.unet.channels = 64
    return config
