"""Metrics by name, with their protocols and directions."""

from __future__ import annotations

from typing import Callable, NamedTuple

from icdpm.metrics import fid, kid, lpips, niqe, psnr, ssim


class Metric(NamedTuple):
    """Metric, with the protocol that is printed with every number.

    Attributes:
      function: computes it.
      protocol: states exactly what it computes.
      higher_is_better: whether larger values are better.
    """

    function: Callable[..., float]
    protocol: str
    higher_is_better: bool


# function(restored, sharp) of two images.
PAIR_METRICS = {
    "psnr": Metric(psnr.psnr, psnr.PROTOCOL, True),
    "psnr_y": Metric(psnr.psnr_y, psnr.PROTOCOL_Y, True),
    "ssim": Metric(ssim.ssim, ssim.PROTOCOL, True),
    "ssim_matlab_rgb": Metric(ssim.ssim_matlab_rgb, ssim.PROTOCOL_MATLAB_RGB, True),
    "ssim_y": Metric(ssim.ssim_y, ssim.PROTOCOL_Y, True),
    "ms_ssim": Metric(ssim.ms_ssim, ssim.PROTOCOL_MS, True),
    "lpips_alex": Metric(lpips.lpips_alex, lpips.PROTOCOL_ALEX, False),
    "lpips_vgg": Metric(lpips.lpips_vgg, lpips.PROTOCOL_VGG, False),
}

# function(restored) of one image.
SINGLE_METRICS = {
    "niqe": Metric(niqe.niqe, niqe.PROTOCOL, False),
}

# function(restored, sharp) of two sets of features, which `icdpm.metrics.inception_features` computes image by image.
SET_METRICS = {
    "fid": Metric(fid.fid, fid.PROTOCOL, False),
    "kid": Metric(kid.kid, kid.PROTOCOL, False),
}
