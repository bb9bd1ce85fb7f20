"""The stages of a run follow from its config, and no example is of two of them."""

from icdpm.models.schedules import Stage, describe_stages, largest_crop, training_stages


def test_a_run_has_one_stage_where_nothing_grows(micro_config):
    assert training_stages(micro_config) == [Stage(0, 6, 0, 4, 16)]
    assert describe_stages(micro_config) == "6 of 4 crops of 16×16" and largest_crop(micro_config) == 16


def test_batches_shrink_while_crops_grow(micro_config):
    micro_config.data.update(progressive_steps=(2, 5, 9), progressive_crops=(24, 32, 64), progressive_batches=(3, 2, 1))
    stages = training_stages(micro_config)
    assert stages == [Stage(0, 2, 0, 4, 16), Stage(2, 5, 8, 3, 24), Stage(5, 6, 17, 2, 32)]
    assert stages[1].first_of(4) == 14 and largest_crop(micro_config) == 32
    # A longer run is the same one as far as the shorter went.
    micro_config.run.steps = 20
    longer = training_stages(micro_config)
    assert longer[:2] == stages[:2] and longer[2] == Stage(5, 9, 17, 2, 32) and longer[3].first_example == 25
