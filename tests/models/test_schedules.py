"""The learning rate, and the stages of a run with growing crops."""

import pytest

from icdpm.models.schedules import LearningRate, TrainingStage, describe_stages, largest_crop, training_stages


@pytest.mark.parametrize("step, rate", [(0, 0), (5, 0.01), (10, 0.02), (100, 0.02), (125, 0.01), (150, 0), (200, 0)])
def test_the_rate_ramps_up_and_decays(step, rate):
    assert float(LearningRate(0.02, 10, (100, 150))(step)) == pytest.approx(rate)


def test_the_rate_of_the_paper_stays():
    assert [float(LearningRate(1e-4, 20_000)(step)) for step in (10_000, 20_000, 10**6)] == pytest.approx([5e-5, 1e-4, 1e-4])


@pytest.mark.parametrize("step, left", [(0, 1), (100, 1), (150, 0.5 + 0.5**1.5), (200, 0.5), (300, 0), (400, 0)])
def test_a_cosine_ends_at_its_last_step(step, left):
    rate = LearningRate(2e-4, 0, (100, 300), 1e-6, "cosine")(step)
    assert float(rate) == pytest.approx(1e-6 + (2e-4 - 1e-6) * left, rel=1e-5)


def test_a_run_has_one_stage_unless_crops_grow(micro_config):
    assert training_stages(micro_config) == [TrainingStage(0, 6, 0, 4, 16)]
    assert describe_stages(micro_config) == "6 of 4 crops of 16×16" and largest_crop(micro_config) == 16


def test_batches_shrink_while_crops_grow(micro_config):
    micro_config.data.update(progressive_steps=(2, 5, 9), progressive_crops=(24, 32, 64), progressive_batches=(3, 2, 1))
    stages = training_stages(micro_config)
    assert stages == [TrainingStage(0, 2, 0, 4, 16), TrainingStage(2, 5, 8, 3, 24), TrainingStage(5, 6, 17, 2, 32)]
    assert stages[1].first_of(4) == 14 and largest_crop(micro_config) == 32
    # A longer run has the same stages up to the end of the shorter one.
    micro_config.run.steps = 20
    longer = training_stages(micro_config)
    assert longer[:2] == stages[:2] and longer[2] == TrainingStage(5, 9, 17, 2, 32) and longer[3].first_example == 25
