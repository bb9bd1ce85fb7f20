"""Settings of a restoration: from the config, changed by presets and explicitly; invalid combinations."""

import importlib
import sys

import numpy as np
import pytest

from icdpm.diffusion import SCHEDULES
from icdpm.diffusion.samplers import make_sampling_schedule
from icdpm.errors import IcdpmError
from icdpm.models.icdpm import ICDPM
from icdpm.models.sampling_presets import SAMPLING_PRESETS, apply_preset
from icdpm.models.settings import SamplingSettings


@pytest.fixture
def model(micro_config):
    """A model without weights, which these tests do not need."""
    return ICDPM(micro_config)


def test_the_config_decides_what_is_not_changed(model):
    assert model.settings() == SamplingSettings("ancestral", 3, 0.9)
    changed = model.settings(sampler="ddim", eta=0.3, steps=7, samples=None)
    assert changed == SamplingSettings("ddim", 7, 0.9, eta=0.3)
    for part, expected in zip(model.sampling_schedule(changed), make_sampling_schedule("ddim", 7, 0.9, eta=0.3)):
        np.testing.assert_array_equal(part, expected)


def test_a_schedule_needs_its_own_start(model):
    with pytest.raises(IcdpmError, match="log_snr needs its own `max_noise_variance`"):
        model.settings(schedule="log_snr")
    settings = model.settings(schedule="log_snr", max_noise_variance=0.99)
    assert float(model.sampling_schedule(settings).gammas[-1]) == pytest.approx(0.01)
    assert model.settings(schedule="linear_beta").max_noise_variance == 0.9


def test_only_ddim_has_eta(model):
    with pytest.raises(IcdpmError, match="`eta` must be 0 for the sampler dpmpp_2m"):
        model.settings(sampler="dpmpp_2m", eta=0.5)
    model.config.sampling.sampler, model.config.sampling.eta = "ddim", 0.5
    assert model.settings().eta == 0.5
    assert model.settings(sampler="ancestral").eta == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"schedule": "log_snr", "max_noise_variance": 5e-5},
            "`max_noise_variance` must be above 0.0001",
        ),
        ({"max_noise_variance": float("nan")}, "`max_noise_variance` must be a number from 1e-06 to 0.99999. Received: nan"),
        ({"steps": 0}, "`steps` must be a whole number from 1 to 100000. Received: 0"),
        ({"steps": 2.0}, "`steps` must be a whole number .* Received: 2.0"),
        ({"samples": True}, "`samples` must be a whole number .* Received: True"),
        ({"sampler": "euler"}, "`sampler` must be one of ancestral, ddim, .* Received: 'euler'"),
        ({"schedule": "cosine"}, "`schedule` must be one of linear_beta, log_snr. Received: 'cosine'"),
        ({"temperature": 1.0}, "icDPM models have no setting 'temperature'. Choose from sampler, steps"),
        ({"preset": "best"}, "`preset` must be one of fast, balanced, paper. Received: 'best'"),
    ],
)
def test_invalid_settings_are_named(model, changes, message):
    with pytest.raises(IcdpmError, match=message):
        model.settings(**changes)


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_settings_of_a_custom_model_are_checked(future, tmp_path, monkeypatch):
    (tmp_path / "own_settings.py").write_text(
        f"{future}import dataclasses\n"
        "from icdpm.models.settings import Settings, setting\n"
        "@dataclasses.dataclass(frozen=True)\n"
        "class Own(Settings):\n"
        "    steps: int = setting('how many', 1, minimum=1, maximum=9)\n"
        "    strength: float = setting('how strong', 0.5, minimum=0.0, maximum=1.0)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_settings", raising=False)
    own = importlib.import_module("own_settings").Own
    assert own(steps=2, strength=1).steps == 2
    for steps in (1.5, 2.0, 0, True):
        with pytest.raises(IcdpmError, match="`steps` must be a whole number from 1 to 9. Received: "):
            own(steps=steps)
    with pytest.raises(IcdpmError, match="`strength` must be a number from 0 to 1. Received: 2."):
        own(strength=2)
    del sys.modules["own_settings"]


@pytest.mark.parametrize("name", SAMPLING_PRESETS)
def test_a_preset_is_whole_settings_for_any_model(name, micro_config, model):
    settings = model.settings(name)
    assert model.sampling_schedule(settings).steps == settings.steps
    # A preset replaces all settings of the model's config.
    micro_config.sampling.steps, micro_config.sampling.max_noise_variance = 77, 0.123
    assert model.settings(name) == settings
    flags = dict(flag.removeprefix("--").split("=") for flag in SAMPLING_PRESETS[name].as_flags.split())
    assert {key: str(value) for key, value in SAMPLING_PRESETS[name].changes.items()} == flags
    assert all(str(getattr(settings, key)) == value for key, value in flags.items())


def test_explicit_settings_take_precedence_over_a_preset():
    changes = SAMPLING_PRESETS["balanced"].changes
    assert apply_preset(SAMPLING_PRESETS, "balanced", {"steps": 4}) == {**changes, "steps": 4}
    assert apply_preset(SAMPLING_PRESETS, None, {"steps": 4}) == {"steps": 4}
    # The largest noise variance of a preset depends on its schedule.
    other = next(name for name in SCHEDULES if name != changes["schedule"])
    assert "max_noise_variance" not in apply_preset(SAMPLING_PRESETS, "balanced", {"schedule": other})
    given = {"schedule": other, "max_noise_variance": 0.3}
    assert apply_preset(SAMPLING_PRESETS, "balanced", given)["max_noise_variance"] == 0.3
