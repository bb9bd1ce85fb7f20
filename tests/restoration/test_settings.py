"""Settings of a restoration: from the config, with changes, and what does not go together."""

import numpy as np
import pytest

from icdpm.diffusion.samplers import make_plan
from icdpm.errors import IcdpmError
from icdpm.restoration.settings import Settings, settings_of


def test_the_config_decides_what_is_not_changed(micro_config):
    assert settings_of(micro_config) == Settings("ancestral", 3, 0.9)
    changed = settings_of(micro_config, sampler="ddim", eta=0.3, steps=7, samples=None)
    assert changed == Settings("ddim", 7, 0.9, eta=0.3)
    for part, expected in zip(changed.plan(), make_plan("ddim", 7, 0.9, eta=0.3)):
        np.testing.assert_array_equal(part, expected)


def test_a_schedule_wants_its_own_start(micro_config):
    with pytest.raises(IcdpmError, match="log_snr needs a max_noise_variance of its own"):
        settings_of(micro_config, schedule="log_snr")
    settings = settings_of(micro_config, schedule="log_snr", max_noise_variance=0.99)
    assert float(settings.plan().gammas[-1]) == pytest.approx(0.01)
    assert settings_of(micro_config, schedule="linear_beta").max_noise_variance == 0.9


def test_eta_is_of_ddim_alone(micro_config):
    with pytest.raises(IcdpmError, match="dpmpp_2m has no eta"):
        settings_of(micro_config, sampler="dpmpp_2m", eta=0.5)
    micro_config.sampling.sampler, micro_config.sampling.eta = "ddim", 0.5
    assert settings_of(micro_config).eta == 0.5
    assert settings_of(micro_config, sampler="ancestral").eta == 0.0
