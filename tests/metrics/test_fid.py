"""FID against its definition and other implementations."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from icdpm.metrics.fid import fid, frechet_distance, moments


@pytest.fixture(scope="module")
def features():
    """Two sets that differ, with correlated features of very different sizes, as Inception's are."""
    rng = np.random.RandomState(0)
    mix = rng.standard_normal((64, 64)) * np.geomspace(1, 0.01, 64)
    sets = (scale * rng.standard_normal((n, 64)) @ mix + 0.3 for n, scale in ((300, 1), (251, 1.1)))
    return [np.maximum(features, 0).astype(np.float32) for features in sets]


def by_matrix_root(x, y):
    """Equation 6 of Heusel et al. with SciPy's square root of a matrix."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(a + b - 2 * sqrtm(a @ b).real)


def test_equals_the_reference(features):
    assert fid(*features) == pytest.approx(by_matrix_root(*features), rel=1e-9)


def test_pinned_value(features):
    # torch-fidelity 0.4.0, fid_features_to_statistics and fid_statistics_to_metric, of these features in float64.
    assert fid(*features) == pytest.approx(12.588605863682119, rel=1e-6)


def test_is_exact_with_fewer_images_than_features(features):
    x, y = features[0][:20], features[1][:30]
    # Then tr (A B)^½ is the sum of the singular values of the centered sets' product.
    centered = (x - x.mean(0, np.float64)) @ (y - y.mean(0, np.float64)).T
    traces = x.var(0, np.float64, ddof=1).sum() + y.var(0, np.float64, ddof=1).sum()
    root = np.linalg.svd(centered, compute_uv=False).sum() / np.sqrt(19 * 29)
    exact = np.sum((x.mean(0, np.float64) - y.mean(0, np.float64)) ** 2) + traces - 2 * root
    assert fid(x, y) == pytest.approx(exact, rel=1e-9)


def test_of_equal_sets_and_shifted_ones(features):
    x = features[0]
    assert fid(x, x) == pytest.approx(0, abs=1e-6)
    assert fid(x, x + np.float32(2)) == pytest.approx(64 * 4, rel=1e-6)
    assert frechet_distance(np.zeros(2), np.diag([4.0, 0]), np.ones(2), np.diag([9.0, 1])) == pytest.approx(2 + 1 + 1)


def test_features_stream(features):
    x, y = features
    batches = (batch for batch in np.split(x, [1, 2, 100, 100, 299]))
    assert fid(batches, iter([y])) == pytest.approx(fid(x, y), rel=1e-12)


def test_sums_keep_their_digits(features):
    x = features[0].astype(np.float64)
    mean, covariance = moments(iter(np.split(x + 1e6, 10)))
    np.testing.assert_allclose(mean, x.mean(0) + 1e6, rtol=1e-15)
    np.testing.assert_allclose(covariance, np.cov(x, rowvar=False), atol=1e-8)


@pytest.mark.parametrize(
    "restored, message",
    [
        (np.zeros([1, 64]), "FID needs at least 2 images or patches in each set. Received: 1 in the restored set"),
        ([], "FID needs at least 2 images or patches in each set. Received: 0 in the restored set"),
        (np.zeros([64]), r"The restored features must be \[images, features\]. Received: shape \[64\]"),
        (np.full([3, 64], np.nan), "The restored features must be finite. Received: NaN"),
    ],
)
def test_invalid_features_raise(restored, message, features):
    with pytest.raises(ValueError, match=message):
        fid(restored, features[1])
