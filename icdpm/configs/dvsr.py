"""DvSR (predict and refine): a denoiser of 28 M parameters and an initial predictor of 7 M, of the family of Table 2's UNets.

Trained as Table 2's models are (assumed): batch, crops, rates and noise schedule are icDPM's.
"""

from icdpm.systems.config import default_config


def get_config():
    """The config of this variant."""
    config = default_config("dvsr")
    config.name = "dvsr"
    return config
