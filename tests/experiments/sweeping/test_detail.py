"""How much fine detail a picture has."""

import numpy as np

from icdpm_experiments.sweeping.detail import detail


def test_detail_of_the_same_the_smoother_and_the_noisier():
    sharp = np.random.default_rng(0).integers(60, 190, (32, 32, 3)).astype(np.uint8)
    smooth = ((sharp.astype(int) + np.roll(sharp, 1, 0) + np.roll(sharp, 1, 1)) // 3).astype(np.uint8)
    noisy = np.clip(sharp + np.random.default_rng(1).normal(0, 60, sharp.shape), 0, 255).astype(np.uint8)
    assert detail(sharp, sharp) == 1.0 and detail(smooth, sharp) < 0.8 and detail(noisy, sharp) > 1.2
