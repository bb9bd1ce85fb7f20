import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icdpm.metrics.ssim import ssim

PARITY = os.environ.get("ICDPM_PARITY_DATA")


def ramp(height, width):
    """A picture that differs in its rows, columns and channels, and a noisy copy of it."""
    y, x, channel = np.mgrid[:height, :width, :3]
    sharp = (5 * x + 3 * y + 40 * channel) % 256
    restored = np.clip(sharp + (7 * x * y + 11 * channel) % 41 - 20, 0, 255)
    return restored.astype(np.uint8), sharp.astype(np.uint8)


def by_definition(restored, sharp):
    """Equation 13 of Wang et al. at every place where the window fits, written out."""
    distance = np.arange(11) - 5
    weight = np.exp(-(distance[:, None] ** 2 + distance**2) / (2 * 1.5**2))
    weight /= weight.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for top in range(sharp.shape[0] - 10):
        for left in range(sharp.shape[1] - 10):
            for channel in range(3):
                x = restored[top : top + 11, left : left + 11, channel].astype(float)
                y = sharp[top : top + 11, left : left + 11, channel].astype(float)
                mean_x, mean_y = np.sum(weight * x), np.sum(weight * y)
                variance_x, variance_y = np.sum(weight * (x - mean_x) ** 2), np.sum(weight * (y - mean_y) ** 2)
                covariance = np.sum(weight * (x - mean_x) * (y - mean_y))
                luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
                values.append(luminance * (2 * covariance + c2) / (variance_x + variance_y + c2))
    return np.mean(values)


def test_equals_the_definition():
    restored, sharp = ramp(14, 17)
    assert ssim(restored, sharp) == pytest.approx(by_definition(restored, sharp), abs=1e-9)


def test_pinned_value():
    assert ssim(*ramp(48, 64)) == pytest.approx(0.677057180, abs=1e-8)


def test_published_value_of_a_plain_picture():
    # mmagic, tests/test_evaluation/test_metrics/test_ssim.py
    plain = np.ones([32, 32, 3], np.uint8)
    assert ssim(2 * plain, plain) == pytest.approx(0.9130623, abs=1e-7)


def test_equal_pictures_reach_one():
    _, sharp = ramp(20, 20)
    assert ssim(sharp, sharp) == 1


def test_floats_are_rounded_to_uint8_first():
    restored, sharp = ramp(20, 20)
    assert ssim(restored.astype(np.float32) / 255, sharp / 255) == ssim(restored, sharp)


def test_pictures_smaller_than_the_window_are_refused():
    with pytest.raises(ValueError, match="needs pictures of 11×11 or more, not 30×10"):
        ssim(*ramp(10, 30))


def test_different_sizes_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        ssim(ramp(20, 20)[0], ramp(20, 21)[1])


@pytest.mark.skipif(not PARITY, reason="set ICDPM_PARITY_DATA to IQA-PyTorch's folder with ref_dir and dist_dir")
@pytest.mark.parametrize(
    "name, published", [("I03", 0.6993), ("I04", 0.9978), ("I06", 0.9989), ("I08", 0.9669), ("I19", 0.6519)]
)
def test_published_values_of_iqa_pytorch(name, published):
    # Published on MATLAB's rgb2gray; a gray picture has three equal channels.
    restored, sharp = (gray(Path(PARITY) / folder / f"{name}.bmp") for folder in ("dist_dir", "ref_dir"))
    assert ssim(restored, sharp) == pytest.approx(published, abs=1e-4)


def gray(path):
    luma = np.asarray(Image.open(path).convert("RGB")) @ [0.2989360213, 0.5870430745, 0.1140209043]
    return np.repeat(np.floor(luma + 0.5).astype(np.uint8)[..., None], 3, axis=-1)
