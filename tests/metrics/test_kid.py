"""KID against its definition and other implementations."""

import numpy as np
import pytest

from icdpm.metrics.kid import kid


@pytest.fixture(scope="module")
def features():
    rng = np.random.RandomState(1)
    return rng.standard_normal((60, 32)).astype(np.float32), (1.2 * rng.standard_normal((50, 32)) + 0.1).astype(np.float32)


def written_out(x, y):
    """The unbiased MMD² of Gretton et al., lemma 6, with KID's kernel."""
    x, y = x.astype(np.float64), y.astype(np.float64)

    def mean(one, other, same):
        return np.mean([(a @ b / 32 + 1) ** 3 for i, a in enumerate(one) for j, b in enumerate(other) if not same or i != j])

    return mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)


def test_equals_the_definition(features):
    x, y = features
    assert kid(x, y, subset_size=None) == pytest.approx(written_out(x, y), rel=1e-9)
    # Sets of one size that are no larger than a subset are compared once.
    assert kid(x[:50], y) == pytest.approx(written_out(x[:50], y), rel=1e-9)


def test_pinned_value(features):
    # torch-fidelity 0.4.0, kernel_mmd of kid_features_to_metric, of 50 of these features in float64.
    x, y = features
    assert kid(x[:50], y) == pytest.approx(-0.003060468762108748, rel=1e-6)


def test_is_the_mean_over_random_subsets(features):
    x, y = features
    rng = np.random.default_rng(7)
    choices = [(rng.choice(60, 20, replace=False), rng.choice(50, 20, replace=False)) for _ in range(5)]
    expected = np.mean([written_out(x[some], y[others]) for some, others in choices])
    assert kid(x, y, subsets=5, subset_size=20, seed=7) == pytest.approx(expected, rel=1e-9)
    assert kid(x, y, subsets=5, subset_size=20, seed=8) != pytest.approx(expected, rel=1e-3)


def test_subsets_are_no_larger_than_the_smaller_set(features):
    x, y = features
    assert kid(x, y, subsets=3) == kid(x, y, subsets=3, subset_size=50)


def test_features_stream_and_sets_are_summed_in_parts(features):
    x, y = features
    assert kid(iter(np.split(x, [7, 30])), [y]) == kid(x, y)
    many = np.tile(y, (21, 1))
    kernel = (many.astype(np.float64) @ many.T / 32 + 1) ** 3
    expected = (kernel.sum() - np.trace(kernel)) / (1050 * 1049) * 2 - 2 * kernel.mean()
    assert kid(many, many, subset_size=None) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("restored, count", [(np.zeros([1, 32]), 1), ([], 0)])
def test_sets_that_are_too_small_raise(restored, count, features):
    with pytest.raises(
        ValueError, match=f"KID needs at least 2 images or patches in each set. Received: {count} in the restored set"
    ):
        kid(restored, features[1])
