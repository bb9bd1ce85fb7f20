"""RealBlur's protocol: a restored picture is aligned to the sharp one before the two are compared.

The sharp pictures of RealBlur come from a second camera, so what a method restores well may still be shifted, turned and
brighter or darker. The data set's authors (Rim et al., ECCV 2020) therefore scale the restored values by one number, find
the homography that maximises the enhanced correlation coefficient (Evangelidis and Psarakis, 2008), and measure where the
warped picture covers the sharp one. Nearly all published numbers on RealBlur are measured so.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.metrics.inputs import as_uint8_pair
from icdpm.metrics.ssim import mean_similarity

ALIGNMENT = (
    "after RealBlur's alignment: restored values scaled by the least-squares factor, then warped (bicubic) by the homography "
    "of OpenCV's findTransformECC (gray, from the identity, 100 iterations, Gaussian filter 5)"
)
PSNR_PROTOCOL = f"PSNR in dB over RGB, peak 1, {ALIGNMENT}, over the pixels that the warped picture covers"
SSIM_PROTOCOL = (
    f"SSIM of RGB, 2-D in each channel and averaged, 11×11 Gaussian window with σ 1.5, K1 0.01, K2 0.03, {ALIGNMENT}; "
    "mean of the map over the pixels that the warped picture covers, without a border of 5"
)
_ITERATIONS = 100
_FILTER = 5


@dataclasses.dataclass(frozen=True)
class Aligned:
    """A restored picture brought onto the sharp one, both 0 where it does not cover it.

    Attributes:
      restored, sharp: float32 [height, width, 3]; sharp in [0, 1], restored about so: nothing is clipped or rounded.
      mask: float32 [height, width], 1 where the restored picture covers the sharp one, else 0.
      homography: float32 [3, 3], from places (x, y, 1) in the sharp picture to places in the restored one.
    """

    restored: np.ndarray
    sharp: np.ndarray
    mask: np.ndarray
    homography: np.ndarray


def align(restored, sharp):
    """Aligns a restored picture to its sharp one.

    Args:
      restored, sharp: uint8 or float pictures, as metrics take them.

    Returns:
      An Aligned.

    Raises:
      IcdpmError: OpenCV is not installed, or no homography brings the pictures together.
    """
    cv2 = import_opencv()
    restored, sharp = (picture.astype(np.float32) / 255 for picture in as_uint8_pair(restored, sharp))
    energy = np.sum(restored * restored, dtype=np.float64)
    if energy == 0:
        raise IcdpmError("the restored picture is black, which cannot be aligned")
    restored = restored * np.float32(np.sum(sharp * restored, dtype=np.float64) / energy)
    # An ε of 0 never ends it early: the protocol takes all iterations.
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, 0)
    try:
        _, homography = cv2.findTransformECC(
            cv2.cvtColor(sharp, cv2.COLOR_RGB2GRAY),
            cv2.cvtColor(restored, cv2.COLOR_RGB2GRAY),
            np.eye(3, dtype=np.float32),
            cv2.MOTION_HOMOGRAPHY,
            criteria,
            inputMask=None,
            gaussFiltSize=_FILTER,
        )
    except cv2.error as error:
        raise IcdpmError(
            "the restored picture cannot be aligned to the sharp one, as ECC finds no homography; do they show the same scene?"
        ) from error
    size = sharp.shape[1::-1]
    warped = cv2.warpPerspective(
        restored, homography, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )
    mask = cv2.warpPerspective(
        np.ones(sharp.shape[:2], np.float32), homography, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    if not mask.any():
        raise IcdpmError("the restored picture cannot be aligned to the sharp one: ECC moves it out of the picture")
    return Aligned(warped * mask[..., None], sharp * mask[..., None], mask, homography)


def import_opencv():
    """The module cv2. Raises IcdpmError where it is not installed."""
    try:
        import cv2
    except ImportError as error:
        raise IcdpmError("aligning needs OpenCV, which is not installed: pip install 'icdpm[align]'") from error
    return cv2


def psnr_ecc(aligned):
    """PSNR in dB of an aligned pair, over the mask."""
    error = np.sum(np.square(aligned.sharp - aligned.restored), dtype=np.float64)
    mean_square = error / (3 * aligned.mask.sum(dtype=np.float64))
    return float("inf") if mean_square == 0 else float(-10 * np.log10(mean_square))


def ssim_ecc(aligned):
    """SSIM of an aligned pair: the mean of its map over the mask."""
    return mean_similarity(255.0 * aligned.restored, 255.0 * aligned.sharp, aligned.mask)
