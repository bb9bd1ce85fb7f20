"""Presets: true to what they print, and behind what is given."""

import pytest

from icdpm.diffusion.schedules import SCHEDULES
from icdpm.errors import IcdpmError
from icdpm.restoration.presets import PRESETS, changes_of
from icdpm.restoration.settings import settings_of


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_whole_settings_for_any_model(name, micro_config):
    settings = settings_of(micro_config, **changes_of(name))
    assert settings.plan().steps == settings.steps
    # Nothing of the model's own remains, so that a preset means the same with every model.
    micro_config.sampling.steps, micro_config.sampling.max_noise_variance = 77, 0.123
    assert settings_of(micro_config, **changes_of(name)) == settings
    flags = dict(flag.removeprefix("--").split("=") for flag in PRESETS[name].as_flags.split())
    assert {key: str(value) for key, value in PRESETS[name].changes.items()} == flags
    assert all(str(getattr(settings, key)) == value for key, value in flags.items())


def test_what_is_given_goes_first(micro_config):
    given = changes_of("balanced", steps=4, samples=None)
    assert given == {**PRESETS["balanced"].changes, "steps": 4}
    assert changes_of(None, steps=4, samples=None) == {"steps": 4}
    # A preset's largest noise variance is one of its schedule's.
    other = next(name for name in SCHEDULES if name != PRESETS["balanced"].changes["schedule"])
    assert "max_noise_variance" not in changes_of("balanced", schedule=other)
    assert changes_of("balanced", schedule=other, max_noise_variance=0.3)["max_noise_variance"] == 0.3


def test_an_unknown_one_is_refused():
    with pytest.raises(IcdpmError, match="no preset 'best'; there are fast, balanced, paper"):
        changes_of("best")
