"""Table 8 (e): gray ×2, ×4, ×8 guidance features in latent space; the network of Table 2 (c)."""

from icdpm.configs.table2_c import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "table8_e"
    return config
