"""Table 8 (a): no guidance; the network of Table 2 (a)."""

from icdpm.configs.table2_a import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "table8_a"
    return config
