"""The files of weights, their official places and their checksums."""

from typing import NamedTuple


class WeightsFile(NamedTuple):
    """A published file: its name in the cache, its address, its size in bytes and its sha256 in hex."""

    name: str
    address: str
    size: int
    sha256: str


ALEXNET = WeightsFile(
    "alexnet-owt-7be5be79.pth",
    "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    244_408_911,
    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
)
VGG16 = WeightsFile(
    "vgg16-397923af.pth",
    "https://download.pytorch.org/models/vgg16-397923af.pth",
    553_433_881,
    "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
)
LPIPS_ALEX = WeightsFile(
    "lpips-v0.1-alex.pth",
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/alex.pth",
    6_009,
    "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
)
LPIPS_VGG = WeightsFile(
    "lpips-v0.1-vgg.pth",
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/vgg.pth",
    7_289,
    "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
)
# TensorFlow's graph of 2015-12-05, by which FID was defined, as the most used implementation of FID publishes it.
INCEPTION = WeightsFile(
    "pt_inception-2015-12-05-6726825d.pth",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    95_628_359,
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)
# The parameters of the original release, exported from its MATLAB file.
NIQE = WeightsFile(
    "niqe_pris_params.npz",
    "https://raw.githubusercontent.com/XPixelGroup/BasicSR/master/basicsr/metrics/niqe_pris_params.npz",
    11_850,
    "2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296",
)

# What each metric needs; the others need nothing.
NEEDED = {
    "niqe": [NIQE],
    "lpips_alex": [LPIPS_ALEX, ALEXNET],
    "lpips_vgg": [LPIPS_VGG, VGG16],
    "fid": [INCEPTION],
    "kid": [INCEPTION],
}
