"""Fig. 9, what alignment is held against: fig9_aligned without the loss against the discriminators, all else alike."""

from icdpm.configs.fig9_aligned import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "fig9_unaligned"
    config.alignment.weight = 0.0
    return config
