"""Fig. 9 of the paper: Table 2 (c), trained further with and without alignment of its features to another domain.

    icdpm-train --config=fig9_aligned --start_from=runs/c --data=gopro --target_data=realblur_j --workdir=runs/aligned

The paper states neither the length and learning rate of this training nor the discriminators and the loss weight; all of them
are assumed.
"""

from ml_collections import ConfigDict

from icdpm.configs.paper import table2_c
from icdpm.models.config import default_config


def fig9_aligned() -> ConfigDict:
    """Fig. 9: guidance features are aligned between the training pairs and images of another domain."""
    config = default_config("aligned_icdpm")
    config.update({**table2_c().to_dict(), "model": "aligned_icdpm"})
    config.optimizer.learning_rate = 2e-5  # assumed
    config.optimizer.learning_rate_ramp = 1000  # assumed
    config.optimizer.noise_loss_ramp = 0  # assumed
    config.run.steps = 20_000  # assumed
    return config


def fig9_unaligned() -> ConfigDict:
    """Fig. 9, the baseline: fig9_aligned without the loss against the discriminators."""
    config = fig9_aligned()
    config.alignment.weight = 0.0
    return config


CONFIGS = (fig9_aligned, fig9_unaligned)
