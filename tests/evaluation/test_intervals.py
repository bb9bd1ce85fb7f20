"""Tests of the confidence intervals."""

import math

import numpy as np
import pytest

from icdpm.evaluation.intervals import mean_with_interval


def test_many_values_have_the_normal_interval():
    values = np.random.default_rng(0).exponential(size=2000)
    mean, low, high = mean_with_interval(values)
    error = values.std() / math.sqrt(len(values))
    assert mean == values.mean()
    assert [low, high] == pytest.approx([mean - 1.96 * error, mean + 1.96 * error], abs=0.08 * error)


def test_two_values_have_a_known_interval():
    # The resamples' means are 0, ½ and 1, with probabilities ¼, ½ and ¼.
    assert mean_with_interval([0.0, 1.0]) == (0.5, 0.0, 1.0)


def test_the_interval_is_deterministic_and_moves_with_the_values():
    values = np.random.default_rng(1).normal(size=30)
    assert mean_with_interval(values) == mean_with_interval(list(values))
    assert mean_with_interval(values + 5) == pytest.approx([each + 5 for each in mean_with_interval(values)])


def test_single_and_infinite_values_have_no_interval():
    assert mean_with_interval([3.0]) == (3.0, None, None)
    assert mean_with_interval([3.0, math.inf]) == (math.inf, None, None)
