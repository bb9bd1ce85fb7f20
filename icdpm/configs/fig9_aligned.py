"""Fig. 9: Table 2 (c), further trained with its guidance features aligned between the training pairs and another domain.

    icdpm-train --config=fig9_aligned --start_from=runs/c --data=gopro --target_data=realblur_j --workdir=runs/aligned

The paper says neither how long nor with what rate, discriminators and weight; all of it is assumed.
"""

from icdpm.configs.table2_c import get_config as base_config
from icdpm.models.config import default_config


def get_config():
    """The config of this variant."""
    config = default_config("aligned_icdpm")
    config.update({**base_config().to_dict(), "model": "aligned_icdpm"})
    config.name = "fig9_aligned"
    config.optimizer.learning_rate = 2e-5  # assumed
    config.optimizer.learning_rate_ramp = 1000  # assumed
    config.optimizer.noise_loss_ramp = 0  # assumed
    config.run.steps = 20_000  # assumed
    return config
