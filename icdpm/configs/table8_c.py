"""Table 8 (c): RGB ×8 guidance features in latent space."""

from icdpm.configs.table2_c import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "table8_c"
    config.guidance.scales = (3,)
    config.guidance.color = "rgb"
    return config
