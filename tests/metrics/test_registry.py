"""Registry of metrics."""

import subprocess
import sys

import numpy as np
import pytest

from icdpm.metrics.registry import PAIR_METRICS, SET_METRICS, SINGLE_METRICS


def test_every_metric_is_registered_with_its_protocol():
    pairs = ["psnr", "psnr_y", "ssim", "ssim_matlab_rgb", "ssim_y", "ms_ssim", "lpips_alex", "lpips_vgg"]
    assert [list(each) for each in (PAIR_METRICS, SINGLE_METRICS, SET_METRICS)] == [pairs, ["niqe"], ["fid", "kid"]]
    every = {**PAIR_METRICS, **SINGLE_METRICS, **SET_METRICS}
    assert all(metric.function.__name__ == name for name, metric in every.items())
    assert len({metric.protocol for metric in every.values()}) == len(every)
    assert [name for name, metric in every.items() if metric.higher_is_better] == pairs[:6]


@pytest.mark.parametrize("name", ["psnr", "psnr_y", "ssim", "ssim_matlab_rgb", "ssim_y", "ms_ssim"])
def test_higher_is_better(name, ramp):
    noisy, sharp = ramp(180, 180)
    noisier = np.clip(2 * noisy.astype(int) - sharp, 0, 255).astype(np.uint8)
    function = PAIR_METRICS[name].function
    assert function(sharp, sharp) > function(noisy, sharp) > function(noisier, sharp)


def test_metrics_load_without_tensorflow():
    check = "import sys, icdpm.metrics.registry; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
