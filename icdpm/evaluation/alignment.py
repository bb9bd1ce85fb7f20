"""RealBlur's protocol: the restored image is aligned to the sharp image before they are compared.

The sharp images of RealBlur come from a second camera, so a good restoration can be shifted, rotated, brighter or darker. The
authors of the data set (Rim et al., ECCV 2020) therefore scale the restored values by one factor, find the homography that
maximizes the enhanced correlation coefficient (ECC; Evangelidis and Psarakis, 2008), and measure where the warped image covers
the sharp image. Nearly all published numbers on RealBlur follow this protocol.
"""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.metrics.inputs import MetricUndefined, as_levels_pair
from icdpm.metrics.ssim import mean_similarity

_ALIGNMENT = (
    "after RealBlur's alignment: restored values scaled by the least-squares factor, then warped (bicubic) by the homography "
    "of OpenCV's findTransformECC (gray, from the identity, 100 iterations, Gaussian filter 5)"
)
PSNR_PROTOCOL = f"PSNR in dB over RGB, peak 1, {_ALIGNMENT}, over the pixels that the warped image covers"
SSIM_PROTOCOL = (
    f"SSIM of RGB, 2-D in each channel and averaged, 11×11 Gaussian window with σ 1.5, K1 0.01, K2 0.03, {_ALIGNMENT}; "
    "mean of the map over the pixels that the warped image covers, without a border of 5"
)
_ITERATIONS = 100
_FILTER_SIZE = 5


@dataclasses.dataclass(frozen=True)
class AlignedPair:
    """A restored image aligned to the sharp image. Both are 0 where the restored image does not cover the sharp image.

    Attributes:
      restored: float32 [height, width, 3], about in [0, 1]; not clipped or rounded.
      sharp: float32 [height, width, 3] in [0, 1].
      mask: float32 [height, width], 1 where the restored image covers the sharp image, otherwise 0.
      homography: float32 [3, 3], maps positions (x, y, 1) in the sharp image to positions in the restored image.
    """

    restored: np.ndarray
    sharp: np.ndarray
    mask: np.ndarray
    homography: np.ndarray


def align(restored: np.ndarray, sharp: np.ndarray) -> AlignedPair:
    """Aligns a restored image to its sharp image.

    Args:
      restored: restored image, [height, width, 3], uint8 or float as for the metrics.
      sharp: sharp image of the same shape.

    Returns:
      An `AlignedPair`.

    Raises:
      IcdpmError: OpenCV is not installed, or no homography aligns the images.
    """
    cv2 = import_opencv()
    restored, sharp = (image.astype(np.float32) / 255 for image in as_levels_pair(restored, sharp))
    energy = np.sum(restored * restored, dtype=np.float64)
    if energy == 0:
        raise MetricUndefined("The restored image is black and cannot be aligned.")
    restored = restored * np.float32(np.sum(sharp * restored, dtype=np.float64) / energy)
    # An ε of 0 never stops early: the protocol takes all iterations.
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, 0)
    try:
        _, homography = cv2.findTransformECC(
            cv2.cvtColor(sharp, cv2.COLOR_RGB2GRAY),
            cv2.cvtColor(restored, cv2.COLOR_RGB2GRAY),
            np.eye(3, dtype=np.float32),
            cv2.MOTION_HOMOGRAPHY,
            criteria,
            inputMask=None,
            gaussFiltSize=_FILTER_SIZE,
        )
    except cv2.error as error:
        raise MetricUndefined(
            "The restored image cannot be aligned to the sharp image: ECC finds no homography. Do they show the same scene?"
        ) from error
    size = sharp.shape[1::-1]
    warped = cv2.warpPerspective(
        restored, homography, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )
    mask = cv2.warpPerspective(
        np.ones(sharp.shape[:2], np.float32), homography, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    if not mask.any():
        raise MetricUndefined(
            "The restored image cannot be aligned to the sharp image: the homography moves it out of the frame."
        )
    return AlignedPair(warped * mask[..., None], sharp * mask[..., None], mask, homography)


def import_opencv() -> ModuleType:
    """Imports and returns the module cv2. Raises `IcdpmError` if it is not installed."""
    try:
        import cv2
    except ImportError as error:
        raise IcdpmError("Alignment requires OpenCV, which is not installed. Run pip install 'icdpm[align]'.") from error
    return cv2


def psnr_ecc(aligned: AlignedPair) -> float:
    """Returns the PSNR in dB of an aligned pair, over the mask."""
    error = np.sum(np.square(aligned.sharp - aligned.restored), dtype=np.float64)
    mean_square = error / (3 * aligned.mask.sum(dtype=np.float64))
    return float("inf") if mean_square == 0 else float(-10 * np.log10(mean_square))


def ssim_ecc(aligned: AlignedPair) -> float:
    """Returns the SSIM of an aligned pair: the mean of its map over the mask."""
    return mean_similarity(255.0 * aligned.restored, 255.0 * aligned.sharp, aligned.mask)
