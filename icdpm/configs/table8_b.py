"""Table 8 (b): the RGB ×8 regression output, upsampled and concatenated to the input."""

from icdpm.configs.table2_c import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "table8_b"
    config.guidance.scales = (3,)
    config.guidance.color = "rgb"
    config.guidance.route = "input"
    return config
