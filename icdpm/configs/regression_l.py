"""UNet regression ("UNet [59]" of Tables 4 and 5): the large denoiser's network, one pass, trained as Table 2's models are.

The paper says nothing of its size or training; all of it is assumed.
"""

from icdpm.models.config import default_config


def get_config():
    """The config of this variant."""
    config = default_config("regression")
    config.name = "regression_l"
    config.unet.channels = 64  # assumed
    return config
