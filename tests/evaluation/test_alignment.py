"""Tests of RealBlur's protocol on pairs with known homographies and gains."""

import sys

import cv2
import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.evaluation.alignment import AlignedPair, align, psnr_ecc, ssim_ecc
from icdpm.metrics.psnr import psnr
from icdpm.metrics.ssim import ssim

TURNED = np.array([[1.004, 0.006, 1.7], [-0.004, 0.997, -2.3], [8e-6, -5e-6, 1]])
SHIFTED = np.array([[1.01, 0, -6.5], [0.002, 1.01, 4.25], [0, 0, 1.0]])


def waves(height=150, width=200):
    """A smooth image without repetition."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    channels = [np.sin(x / (5 + 2 * k) + np.cos(y / (9 + k)) * 2 + k) + np.sin(y / (7 - k) + x / (23 + k)) for k in range(3)]
    return np.round(127.5 + 50 * np.stack(channels, -1)).astype(np.uint8)


def moved(sharp, homography, gain):
    size = sharp.shape[1::-1]
    warped = cv2.warpPerspective(sharp, homography, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.clip(np.round(warped * gain), 0, 255).astype(np.uint8)


# The numbers are those of the data set's official evaluation code on these images.
@pytest.mark.parametrize(
    "homography, gain, official_psnr, official_ssim", [(TURNED, 0.85, 41.0640, 0.99924), (SHIFTED, 1.1, 31.3899, 0.99727)]
)
def test_a_known_homography_and_gain_are_undone(homography, gain, official_psnr, official_ssim):
    sharp = waves()
    restored = moved(sharp, homography, gain)
    aligned = align(restored, sharp)
    corners = np.array([[0, 0, 1], [199, 0, 1], [0, 149, 1], [199, 149, 1]]).T

    def places(matrix):
        projected = matrix @ corners
        return projected[:2] / projected[2]

    assert np.abs(places(aligned.homography) - places(homography)).max() < 0.3
    assert psnr(restored, sharp) < 20 and ssim(restored, sharp) < 0.8
    assert psnr_ecc(aligned) == pytest.approx(official_psnr, abs=0.01)
    assert ssim_ecc(aligned) == pytest.approx(official_ssim, abs=1e-4)
    # Pixels outside of the restored image are not measured.
    assert set(np.unique(aligned.mask)) == {0, 1} and 0.9 < aligned.mask.mean() < 1
    assert not aligned.restored[aligned.mask == 0].any() and not aligned.sharp[aligned.mask == 0].any()


def test_without_motion_the_metrics_are_the_usual_ones():
    sharp = waves(60, 80)
    restored = np.clip(sharp.astype(int) + np.random.default_rng(0).integers(-9, 10, sharp.shape), 0, 255).astype(np.uint8)
    images = [(image / 255).astype(np.float32) for image in (restored, sharp)]
    unmoved = AlignedPair(*images, np.ones((60, 80), np.float32), np.eye(3))
    assert psnr_ecc(unmoved) == pytest.approx(psnr(restored, sharp), abs=1e-4)
    assert ssim_ecc(unmoved) == pytest.approx(ssim(restored, sharp), abs=1e-5)


def test_equal_images():
    aligned = align(waves(), waves())
    assert psnr_ecc(aligned) > 80 and ssim_ecc(aligned) == pytest.approx(1, abs=1e-6)


def test_images_that_cannot_be_aligned(noise):
    for restored, words in [(255 - noise(0), "Do they show the same scene"), (np.zeros_like(noise(0)), "is black")]:
        with pytest.raises(IcdpmError, match=words):
            align(restored, noise(0))
    with pytest.raises(ValueError, match="SSIM needs images of at least 11×11 pixels. Received: 9×8"):
        ssim_ecc(align(waves(8, 9), waves(8, 9)))


def test_without_opencv(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(IcdpmError, match=r"Alignment requires OpenCV, which is not installed. Run pip install 'icdpm"):
        align(waves(), waves())
