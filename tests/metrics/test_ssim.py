"""SSIM and MS-SSIM against their definitions and published values."""

import numpy as np
import pytest

from icdpm.metrics.inputs import matlab_gray
from icdpm.metrics.ssim import MS_WEIGHTS, ms_ssim, scale_similarities, ssim, ssim_matlab_rgb, ssim_y

# Published values of pairs of images, computed by Wang's MATLAB code with `wtd_sum` on rgb2gray.
MS_WEIGHTED_SUMS = [("I03", 0.6733), ("I04", 0.9996), ("I06", 0.9998), ("I08", 0.9566), ("I19", 0.8462)]
DISTANCE = np.arange(11) - 5
WEIGHT = np.exp(-(DISTANCE**2) / (2 * 1.5**2))
WEIGHT /= WEIGHT.sum()


def equation_13(x, y, weight):
    """SSIM of Wang et al. of one window's values, written out."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = np.sum(weight * x), np.sum(weight * y)
    variance_x, variance_y = np.sum(weight * (x - mean_x) ** 2), np.sum(weight * (y - mean_y) ** 2)
    covariance = np.sum(weight * (x - mean_x) * (y - mean_y))
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance * (2 * covariance + c2) / (variance_x + variance_y + c2)


def where_the_window_fits(restored, sharp):
    """The mean over all channels and places of a square window."""
    weight = np.outer(WEIGHT, WEIGHT)
    return np.mean(
        [
            equation_13(*(p[top : top + 11, left : left + 11, channel] for p in (restored, sharp)), weight)
            for top in range(sharp.shape[0] - 10)
            for left in range(sharp.shape[1] - 10)
            for channel in range(sharp.shape[2])
        ]
    )


def everywhere_across_channels(restored, sharp):
    """The mean over all places of a cubic window; the outermost values are repeated beyond the border."""
    weight = np.einsum("i,j,k->ijk", WEIGHT, WEIGHT, WEIGHT)
    x, y = (np.pad(p, 5, mode="edge") for p in (restored, sharp))
    return np.mean(
        [
            equation_13(*(p[top : top + 11, left : left + 11, channel : channel + 11] for p in (x, y)), weight)
            for top, left, channel in np.ndindex(sharp.shape)
        ]
    )


def test_equals_the_definition(ramp):
    restored, sharp = ramp(14, 17)
    floats = restored.astype(float), sharp.astype(float)
    assert ssim(restored, sharp) == pytest.approx(where_the_window_fits(*floats), abs=1e-9)
    luma = [(p @ [65.481, 128.553, 24.966] / 255 + 16)[..., None] for p in floats]
    assert ssim_y(restored, sharp) == pytest.approx(where_the_window_fits(*luma), abs=1e-9)
    assert ssim_matlab_rgb(restored, sharp) == pytest.approx(everywhere_across_channels(*floats), abs=1e-9)


def test_pinned_values(ramp):
    pair = ramp(48, 64)
    # The first is scikit-image's structural_similarity.
    assert ssim(*pair) == pytest.approx(0.677057180, abs=1e-8)
    assert ssim_matlab_rgb(*pair) == pytest.approx(0.957917703, abs=1e-8)
    assert ssim_y(*pair) == pytest.approx(0.876635946, abs=1e-8)


def test_published_values_of_a_uniform_image():
    # mmagic, tests/test_evaluation/test_metrics/test_ssim.py
    plain = np.ones([32, 32, 3], np.uint8)
    assert ssim(2 * plain, plain) == pytest.approx(0.9130623, abs=1e-7)
    assert ssim_y(2 * plain, plain) == pytest.approx(0.9987801, abs=1e-7)


@pytest.mark.parametrize("metric", [ssim, ssim_y, ssim_matlab_rgb])
def test_every_definition(metric, ramp):
    restored, sharp = ramp(20, 20)
    assert metric(sharp, sharp) == pytest.approx(1, abs=1e-12)
    assert metric(restored.astype(np.float32) / 255, sharp / 255) == metric(restored, sharp)
    with pytest.raises(ValueError, match="needs images of at least 11×11 pixels. Received: 30×10"):
        metric(*ramp(10, 30))
    with pytest.raises(ValueError, match="must have the same size"):
        metric(restored, ramp(20, 21)[1])


@pytest.mark.parametrize(
    "name, published", [("I03", 0.6993), ("I04", 0.9978), ("I06", 0.9989), ("I08", 0.9669), ("I19", 0.6519)]
)
def test_published_values_of_iqa_pytorch(iqa_pytorch, name, published):
    # Published on MATLAB's rgb2gray; a gray image has three equal channels.
    gray = (np.repeat(matlab_gray(p).astype(np.uint8)[..., None], 3, axis=-1) for p in iqa_pytorch(name))
    assert ssim(*gray) == pytest.approx(published, abs=1e-4)


def test_ms_ssim_pinned_value(ramp):
    noisy, sharp = ramp(177, 190)
    assert ms_ssim(noisy, sharp) == pytest.approx(0.988911081, abs=1e-8)
    assert ms_ssim(sharp, sharp) == pytest.approx(1, abs=1e-12)


def test_ms_ssim_is_the_product_of_its_scales(ramp):
    pair = ramp(176, 176)
    assert ms_ssim(*pair) == pytest.approx(np.prod(np.array(scale_similarities(*pair)) ** MS_WEIGHTS), abs=1e-12)


def test_ms_ssim_of_an_inverted_image_is_zero(ramp):
    _, sharp = ramp(176, 176)
    assert min(scale_similarities(255 - sharp, sharp)) < 0 and ms_ssim(255 - sharp, sharp) == 0


def test_ms_ssim_of_small_images_raises(ramp):
    with pytest.raises(ValueError, match="MS-SSIM needs images of at least 176×176 pixels. Received: 300×175"):
        ms_ssim(*ramp(175, 300))


@pytest.mark.parametrize("name, published", MS_WEIGHTED_SUMS)
def test_ms_ssim_published_values_of_iqa_pytorch(iqa_pytorch, name, published):
    weighted = np.average(scale_similarities(*iqa_pytorch(name)), weights=MS_WEIGHTS)
    assert weighted == pytest.approx(published, abs=1e-4)


@pytest.mark.parametrize("name, published", [("I04", 0.9996), ("I06", 0.9998), ("I08", 0.9566)])
def test_ms_ssim_agrees_where_scales_hardly_differ(iqa_pytorch, name, published):
    assert ms_ssim(*iqa_pytorch(name)) == pytest.approx(published, abs=1e-4)
