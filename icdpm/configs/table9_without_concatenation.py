"""Table 9, w/o input concatenation: Table 8 (d) whose UNet sees the blurry image through its guidance only."""

from icdpm.configs.table8_d import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "table9_without_concatenation"
    config.unet.concat_blurry = False
    return config
