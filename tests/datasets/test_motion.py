"""Paths and kernels of camera shake."""

import numpy as np
import pytest

from icdpm_datasets.motion import kernel_radius, motion_path, rasterize, shake_kernel

EXTENTS = (0.0, 0.6, 3.0, 9.5, 21.0)


@pytest.mark.parametrize("extent", EXTENTS)
def test_kernels_sum_to_one_and_are_centered(extent):
    for seed in range(20):
        kernel = shake_kernel(np.random.default_rng(seed), extent)
        radius = kernel_radius(extent)
        assert kernel.shape == (2 * radius + 1,) * 2
        assert kernel.min() >= 0
        assert kernel.sum() == pytest.approx(1, abs=1e-6)
        offsets = np.arange(-radius, radius + 1)
        assert (kernel.sum(1) * offsets).sum() == pytest.approx(0, abs=1e-5)
        assert (kernel.sum(0) * offsets).sum() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("anxiety", (0.0, 0.3, 1.0))
def test_the_path_has_the_given_extent(anxiety):
    for seed in range(10):
        path = motion_path(np.random.default_rng(seed), 13.0, 60, anxiety)
        assert path.shape == (60, 2)
        assert np.linalg.norm(path[:, None] - path[None], axis=-1).max() == pytest.approx(13.0)
        np.testing.assert_allclose(path.mean(0), 0, atol=1e-9)


def test_no_extent_is_the_identity():
    kernel = shake_kernel(np.random.default_rng(0), 0.0)
    np.testing.assert_array_equal(kernel, [[0, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_only_paths_without_anxiety_are_straight():
    def bend(anxiety):
        """Returns the mean second singular value relative to the first, 0 for a straight path."""
        ratios = []
        for seed in range(30):
            values = np.linalg.svd(motion_path(np.random.default_rng(seed), 10.0, 80, anxiety), compute_uv=False)
            ratios.append(values[1] / values[0])
        return np.mean(ratios)

    assert bend(0.0) < 1e-6
    assert bend(1.0) > 0.2


def test_paths_run_in_every_direction():
    angles = [np.arctan2(*(p := motion_path(np.random.default_rng(s), 10.0, 9, 0.0))[-1] - p[0]) for s in range(200)]
    counts, _ = np.histogram(angles, bins=4, range=(-np.pi, np.pi))
    assert counts.min() > 25


def test_rasterizing_a_known_path():
    kernel = rasterize(np.array([[0.0, 0.25], [0.0, -0.25], [1.0, 0.0], [-1.0, 0.0]]), 1)
    np.testing.assert_allclose(kernel, np.array([[0, 1, 0], [0.25, 1.5, 0.25], [0, 1, 0]]) / 4, atol=1e-7)


def test_a_path_may_touch_the_kernels_border_and_not_pass_it():
    assert rasterize(np.array([[2.0, -2.0]]), 2)[4, 0] == 1
    with pytest.raises(ValueError, match="farther than the kernel's radius"):
        rasterize(np.array([[2.1, 0.0]]), 2)
