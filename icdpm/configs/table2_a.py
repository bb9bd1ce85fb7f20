"""Table 2 (a): icDPM-S, the unguided small model."""

from icdpm.configs.table2_c import get_config as base_config


def get_config():
    """The config of this variant."""
    config = base_config()
    config.name = "table2_a"
    config.guidance.scales = ()
    config.optimizer.noise_loss_ramp = 0  # assumed: without a guidance loss there is nothing to warm up
    return config
