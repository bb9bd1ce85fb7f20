"""Table 2 (d): icDPM-S with Guide-L."""

from icdpm.configs.table2_c import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "table2_d"
    config.guidance.channels = 64
    return config
