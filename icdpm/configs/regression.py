"""UNet regression ("UNet [59]" in Tables 4 and 5 of the paper): the denoiser's network, one evaluation.

    icdpm-train --config=regression_l --data=gopro --workdir=runs/regression --strategy=mirrored

The paper states neither its size nor its training; both are those of Table 2 (assumed).
"""

from ml_collections import ConfigDict

from icdpm.models.config import default_config


def regression_l() -> ConfigDict:
    """Regression with the large network."""
    config = default_config("regression")
    config.unet.channels = 64  # assumed
    return config


def regression_s() -> ConfigDict:
    """Regression with the small network."""
    config = regression_l()
    config.unet.channels = 32
    return config


CONFIGS = (regression_l, regression_s)
