"""The interval of a mean."""

import math

import numpy as np
import pytest

from icdpm.evaluation.intervals import mean_with_interval


def test_of_many_values_it_is_the_normal_interval():
    values = np.random.default_rng(0).exponential(size=2000)
    mean, low, high = mean_with_interval(values)
    error = values.std() / math.sqrt(len(values))
    assert mean == values.mean()
    assert [low, high] == pytest.approx([mean - 1.96 * error, mean + 1.96 * error], abs=0.08 * error)


def test_of_two_values_it_is_known():
    # The resamples' means are 0, ½ and 1, with probabilities ¼, ½ and ¼.
    assert mean_with_interval([0.0, 1.0]) == (0.5, 0.0, 1.0)


def test_it_is_the_same_again_and_moves_with_the_values():
    values = np.random.default_rng(1).normal(size=30)
    assert mean_with_interval(values) == mean_with_interval(list(values))
    assert mean_with_interval(values + 5) == pytest.approx([each + 5 for each in mean_with_interval(values)])


def test_where_there_is_none():
    assert mean_with_interval([3.0]) == (3.0, None, None)
    assert mean_with_interval([3.0, math.inf]) == (math.inf, None, None)
