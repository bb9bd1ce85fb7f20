"""Every metric by its name, with what it measures and which way is better."""

from typing import Callable, NamedTuple

from icdpm.metrics import fid, kid, lpips_alex, lpips_vgg, ms_ssim, niqe, psnr, psnr_y, ssim, ssim_matlab_rgb, ssim_y


class Metric(NamedTuple):
    """What computes a metric, the protocol to print with every number, and whether more of it is better."""

    function: Callable[..., float]
    protocol: str
    higher_is_better: bool


# function(restored, sharp) of two pictures.
PAIR_METRICS = {
    "psnr": Metric(psnr.psnr, psnr.PROTOCOL, True),
    "psnr_y": Metric(psnr_y.psnr_y, psnr_y.PROTOCOL, True),
    "ssim": Metric(ssim.ssim, ssim.PROTOCOL, True),
    "ssim_matlab_rgb": Metric(ssim_matlab_rgb.ssim_matlab_rgb, ssim_matlab_rgb.PROTOCOL, True),
    "ssim_y": Metric(ssim_y.ssim_y, ssim_y.PROTOCOL, True),
    "ms_ssim": Metric(ms_ssim.ms_ssim, ms_ssim.PROTOCOL, True),
    "lpips_alex": Metric(lpips_alex.lpips_alex, lpips_alex.PROTOCOL, False),
    "lpips_vgg": Metric(lpips_vgg.lpips_vgg, lpips_vgg.PROTOCOL, False),
}

# function(restored) of one picture.
SINGLE_METRICS = {
    "niqe": Metric(niqe.niqe, niqe.PROTOCOL, False),
}

# function(restored, sharp) of the features of two sets, which `inception_features.inception_features(picture)` gives
# picture by picture and which serve all of these.
SET_METRICS = {
    "fid": Metric(fid.fid, fid.PROTOCOL, False),
    "kid": Metric(kid.kid, kid.PROTOCOL, False),
}
