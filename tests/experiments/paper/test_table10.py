"""The settings that the paper searched."""

from icdpm_experiments.paper.table10 import grid_settings


def test_table_10_has_19_settings():
    settings = grid_settings(samples=8)
    assert [(each.steps, each.max_noise_variance) for each in settings] == [
        (20, 0.5), (30, 0.5), (50, 0.2), (50, 0.5), (100, 0.1), (100, 0.2), (100, 0.5),
        (200, 0.05), (200, 0.1), (200, 0.2), (200, 0.5), (500, 0.02), (500, 0.05), (500, 0.1), (500, 0.2),
        (1000, 0.01), (1000, 0.02), (1000, 0.05), (1000, 0.1),
    ]  # fmt: skip
    assert {(each.sampler, each.schedule, each.samples) for each in settings} == {("ancestral", "linear_beta", 8)}
