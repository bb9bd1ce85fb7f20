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

# Metrics that compare images of 16 bits without rounding them to 8.
DEEP_METRICS = {"psnr", "psnr_y", "ssim", "ssim_matlab_rgb", "ssim_y", "ms_ssim", "psnr_ecc", "ssim_ecc"}


def protocol_of_depth(name: str, protocol: str, bits: int) -> str:
    """Returns the protocol of a metric that measures images of 8 or 16 bits per channel, with the peak of that depth."""
    if bits == 8:
        return protocol
    if name not in DEEP_METRICS:
        return f"{protocol}; the images have {bits} bits per channel and are rounded to 8"
    stated = protocol.replace("uint8", "uint16").replace("peak 255", "peak 65535").replace("L 255", "L 65535")
    return f"{stated}; the images have {bits} bits per channel, peak 65535, and are not rounded"


# function(restored) of one image.
SINGLE_METRICS = {
    "niqe": Metric(niqe.niqe, niqe.PROTOCOL, False),
}

# function(restored, sharp) of two sets of features, which `icdpm.metrics.inception_features` computes image by image.
SET_METRICS = {
    "fid": Metric(fid.fid, fid.PROTOCOL, False),
    "kid": Metric(kid.kid, kid.PROTOCOL, False),
}
