"""The packaged model without guidance, to be compared with it."""

from icdpm.configs.small_naf import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "small_naf_unguided"
    config.guidance.scales = ()
    config.optimizer.noise_loss_ramp = 0  # as table2_a has it
    return config
