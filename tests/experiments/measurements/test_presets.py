"""Tests of the plot of gains by network evaluations."""

import PIL.Image

from icdpm_experiments.measurements import presets


def test_each_metric_has_a_panel():
    same = {"gain": 0.5, "ssim": 0.8}
    rows = [
        {"evaluations": steps * samples, "steps": steps, "samples": samples, "max_noise_variance": start, **same}
        for steps, samples, start in [(1, 1, 0.99), (1, 1, 0.999), (2, 1, 0.99), (1, 4, 0.99)]
    ]
    presets.plot_gains(rows, {"psnr": 20.0, "ssim": 0.7})
    two = PIL.Image.open("results/presets.png").size
    presets.plot_gains([{**row, "niqe": 4.0} for row in rows], {"psnr": 20.0, "ssim": 0.7, "niqe": 5.0})
    assert PIL.Image.open("results/presets.png").size[0] > 1.3 * two[0]
