"""PSNR against published and hand-computed values."""

import math

import numpy as np
import pytest

from icdpm.metrics.psnr import psnr, psnr_y


def plain(value, dtype=np.uint8):
    return np.full([32, 32, 3], value, dtype)


def test_published_values_of_a_uniform_image():
    # mmagic, tests/test_evaluation/test_metrics/test_psnr.py
    assert psnr(plain(2), plain(1)) == pytest.approx(48.1308036, abs=1e-7)
    assert psnr_y(plain(2), plain(1)) == pytest.approx(49.4527218, abs=1e-5)  # in float32 there


def test_psnr_of_equal_images_is_infinite():
    assert psnr(plain(7), plain(7)) == psnr_y(plain(7), plain(7)) == math.inf


def test_uint8_differences_do_not_wrap_around():
    assert psnr(plain(0), plain(255)) == psnr(plain(255), plain(0)) == 0


def test_floats_are_rounded_to_uint8_first():
    assert psnr(plain(2.4 / 255, np.float32), plain(0.6 / 255, np.float64)) == psnr(plain(2), plain(1))


def test_psnr_y_is_that_of_the_luma(ramp):
    noisy, sharp = ramp(48, 64)
    y = (noisy.astype(float) - sharp) @ [65.481, 128.553, 24.966] / 255
    assert psnr_y(noisy, sharp) == pytest.approx(20 * np.log10(255 / np.sqrt(np.mean(y**2))), abs=1e-9)


@pytest.mark.parametrize("name, published", [("I03", 21.11), ("I04", 20.99), ("I06", 27.01), ("I08", 23.30), ("I19", 21.62)])
def test_published_values_of_iqa_pytorch(iqa_pytorch, name, published):
    assert psnr(*iqa_pytorch(name)) == pytest.approx(published, abs=0.005)
