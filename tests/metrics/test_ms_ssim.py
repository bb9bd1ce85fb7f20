import numpy as np
import pytest

from icdpm.metrics.ms_ssim import WEIGHTS, ms_ssim, scale_similarities

# What the published values of these pairs are: Wang's MATLAB code with `wtd_sum`, on rgb2gray.
WEIGHTED_SUMS = [("I03", 0.6733), ("I04", 0.9996), ("I06", 0.9998), ("I08", 0.9566), ("I19", 0.8462)]


def test_pinned_value(ramp):
    noisy, sharp = ramp(177, 190)
    assert ms_ssim(noisy, sharp) == pytest.approx(0.988911081, abs=1e-8)
    assert ms_ssim(sharp, sharp) == pytest.approx(1, abs=1e-12)


def test_is_the_product_of_its_scales(ramp):
    pair = ramp(176, 176)
    assert ms_ssim(*pair) == pytest.approx(np.prod(np.array(scale_similarities(*pair)) ** WEIGHTS), abs=1e-12)


def test_an_inverted_picture_has_no_similarity(ramp):
    _, sharp = ramp(176, 176)
    assert min(scale_similarities(255 - sharp, sharp)) < 0 and ms_ssim(255 - sharp, sharp) == 0


def test_pictures_in_which_the_last_scale_is_smaller_than_the_window_are_refused(ramp):
    with pytest.raises(ValueError, match="MS-SSIM needs pictures of 176×176 or more, not 300×175"):
        ms_ssim(*ramp(175, 300))


@pytest.mark.parametrize("name, published", WEIGHTED_SUMS)
def test_published_values_of_iqa_pytorch(iqa_pytorch, name, published):
    weighted = np.average(scale_similarities(*iqa_pytorch(name)), weights=WEIGHTS)
    assert weighted == pytest.approx(published, abs=1e-4)


@pytest.mark.parametrize("name, published", [("I04", 0.9996), ("I06", 0.9998), ("I08", 0.9566)])
def test_the_product_agrees_where_scales_hardly_differ(iqa_pytorch, name, published):
    assert ms_ssim(*iqa_pytorch(name)) == pytest.approx(published, abs=1e-4)
