"""Table 2 (f): icDPM-L with Guide-L, the paper's best."""

from icdpm.configs.table2_c import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "table2_f"
    config.unet.channels = 64
    config.guidance.channels = 64
    return config
