"""DvSR (predict and refine): an initial predictor of 26 M parameters and a denoiser of 7 M, of the family of Table 2's UNets.

Each step evaluates the denoiser alone, whose FLOPs are those of Table 11 (a). Trained as Table 2's models are (assumed): batch,
crops, rates and noise schedule are icDPM's.
"""

from icdpm.models.config import default_config


def get_config():
    """The config of this variant."""
    config = default_config("dvsr")
    config.name = "dvsr"
    return config
