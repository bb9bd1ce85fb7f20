"""DvSR, predict and refine (Whang et al., CVPR 2022): an initial predictor and a diffusion model of the residual.

    icdpm-train --config=dvsr --data=gopro --workdir=runs/dvsr --strategy=mirrored

Both networks are UNets of Table 2. Each sampling step evaluates the denoiser alone, with the FLOPs of Table 11 (a). Batch,
crops, learning rate and noise schedule are those of Table 2 (assumed).
"""

from ml_collections import ConfigDict

from icdpm.models.config import default_config


def dvsr() -> ConfigDict:
    """DvSR with a predictor of 26 M parameters and a denoiser of 7 M."""
    return default_config("dvsr")


def dvsr_s() -> ConfigDict:
    """DvSR for small machines: predictor and denoiser with half the channels of dvsr."""
    config = dvsr()
    config.predictor.channels = 32
    config.unet.channels = 16
    return config


CONFIGS = (dvsr, dvsr_s)
