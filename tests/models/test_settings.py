"""Settings of a restoration: from the config, with presets and changes, and what does not go together."""

import importlib
import sys

import numpy as np
import pytest

from icdpm.diffusion import SCHEDULES
from icdpm.diffusion.samplers import make_sampling_schedule
from icdpm.errors import IcdpmError
from icdpm.models.icdpm import ICDPM
from icdpm.models.settings import SAMPLING_PRESETS, SamplingSettings, with_preset


@pytest.fixture
def model(micro_config):
    """One without weights: nothing here asks for any."""
    return ICDPM(micro_config)


def test_the_config_decides_what_is_not_changed(model):
    assert model.settings() == SamplingSettings("ancestral", 3, 0.9)
    changed = model.settings(sampler="ddim", eta=0.3, steps=7, samples=None)
    assert changed == SamplingSettings("ddim", 7, 0.9, eta=0.3)
    for part, expected in zip(model.sampling_schedule(changed), make_sampling_schedule("ddim", 7, 0.9, eta=0.3)):
        np.testing.assert_array_equal(part, expected)


def test_a_schedule_wants_its_own_start(model):
    with pytest.raises(IcdpmError, match="log_snr needs a max_noise_variance of its own"):
        model.settings(schedule="log_snr")
    settings = model.settings(schedule="log_snr", max_noise_variance=0.99)
    assert float(model.sampling_schedule(settings).gammas[-1]) == pytest.approx(0.01)
    assert model.settings(schedule="linear_beta").max_noise_variance == 0.9


def test_eta_is_of_ddim_alone(model):
    with pytest.raises(IcdpmError, match="dpmpp_2m has no eta"):
        model.settings(sampler="dpmpp_2m", eta=0.5)
    model.config.sampling.sampler, model.config.sampling.eta = "ddim", 0.5
    assert model.settings().eta == 0.5
    assert model.settings(sampler="ancestral").eta == 0.0


@pytest.mark.parametrize(
    "changes, said",
    [
        # Passed until its numbers were NaN, which was blamed on the training.
        ({"schedule": "log_snr", "max_noise_variance": 5e-5}, "max_noise_variance is 5e-05; with the schedule log_snr"),
        ({"max_noise_variance": float("nan")}, "max_noise_variance is nan"),
        ({"steps": 0}, "steps is 0; it must be a whole number from 1 to 100000"),
        ({"steps": 2.0}, "steps is 2.0; it must be a whole number"),
        ({"samples": True}, "samples is True; it must be a whole number"),
        ({"sampler": "euler"}, "no sampler 'euler'; there are ancestral, ddim"),
        ({"schedule": "cosine"}, "no schedule 'cosine'; there are linear_beta, log_snr"),
        ({"temperature": 1.0}, "an icDPM has no setting 'temperature'; it has sampler, steps"),
        ({"preset": "best"}, "no preset 'best'; there are fast, balanced, paper"),
    ],
)
def test_what_cannot_be_is_one_sentence(model, changes, said):
    with pytest.raises(IcdpmError, match=said):
        model.settings(**changes)


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_settings_of_a_system_of_ones_own_are_checked(future, tmp_path, monkeypatch):
    (tmp_path / "own_settings.py").write_text(
        f"{future}import dataclasses\n"
        "from icdpm.models.settings import Settings, setting\n"
        "@dataclasses.dataclass(frozen=True)\n"
        "class Own(Settings):\n"
        "    steps: int = setting('how many', 1, low=1, high=9)\n"
        "    strength: float = setting('how strong', 0.5, low=0.0, high=1.0)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_settings", raising=False)
    own = importlib.import_module("own_settings").Own
    assert own(steps=2, strength=1).steps == 2
    for steps in (1.5, 2.0, 0, True):
        with pytest.raises(IcdpmError, match="steps is .*; it must be a whole number from 1 to 9"):
            own(steps=steps)
    with pytest.raises(IcdpmError, match="strength is 2; it must be a number from 0 to 1"):
        own(strength=2)
    del sys.modules["own_settings"]


@pytest.mark.parametrize("name", SAMPLING_PRESETS)
def test_a_preset_is_whole_settings_for_any_model(name, micro_config, model):
    settings = model.settings(name)
    assert model.sampling_schedule(settings).steps == settings.steps
    # Nothing of the model's own remains, so that a preset means the same with every model.
    micro_config.sampling.steps, micro_config.sampling.max_noise_variance = 77, 0.123
    assert model.settings(name) == settings
    flags = dict(flag.removeprefix("--").split("=") for flag in SAMPLING_PRESETS[name].as_flags.split())
    assert {key: str(value) for key, value in SAMPLING_PRESETS[name].changes.items()} == flags
    assert all(str(getattr(settings, key)) == value for key, value in flags.items())


def test_what_is_given_goes_before_a_preset():
    changes = SAMPLING_PRESETS["balanced"].changes
    assert with_preset(SAMPLING_PRESETS, "balanced", {"steps": 4}) == {**changes, "steps": 4}
    assert with_preset(SAMPLING_PRESETS, None, {"steps": 4}) == {"steps": 4}
    # A preset's largest noise variance is one of its schedule's.
    other = next(name for name in SCHEDULES if name != changes["schedule"])
    assert "max_noise_variance" not in with_preset(SAMPLING_PRESETS, "balanced", {"schedule": other})
    given = {"schedule": other, "max_noise_variance": 0.3}
    assert with_preset(SAMPLING_PRESETS, "balanced", given)["max_noise_variance"] == 0.3
