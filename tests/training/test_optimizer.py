"""The learning rate."""

import pytest

from icdpm.training.optimizer import LearningRate


@pytest.mark.parametrize("step, rate", [(0, 0), (5, 0.01), (10, 0.02), (100, 0.02), (125, 0.01), (150, 0), (200, 0)])
def test_the_rate_ramps_up_and_decays(step, rate):
    assert float(LearningRate(0.02, 10, (100, 150))(step)) == pytest.approx(rate)


def test_the_papers_rate_stays():
    assert [float(LearningRate(1e-4, 20_000)(step)) for step in (10_000, 20_000, 10**6)] == pytest.approx([5e-5, 1e-4, 1e-4])
