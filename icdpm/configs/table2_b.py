"""Table 2 (b): icDPM-L, the unguided large model."""

from icdpm.configs.table2_a import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "table2_b"
    config.unet.channels = 64
    return config
