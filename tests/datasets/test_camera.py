"""Camera responses, saturation and noise."""

import numpy as np
import pytest

from icdpm_datasets.camera import RESPONSES, add_noise, brighten_highlights


@pytest.mark.parametrize("response", RESPONSES)
def test_encode_inverts_decode(response):
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(RESPONSES[response].encode(RESPONSES[response].decode(levels)), levels)


def test_only_highlights_are_brightened():
    ramp = np.repeat(np.linspace(0, 1, 101, dtype=np.float32)[:, None], 3, axis=1)
    for seed in range(10):
        bright = brighten_highlights(np.random.default_rng(seed), ramp)
        np.testing.assert_array_equal(bright[:60], ramp[:60])
        assert 2 <= bright[-1, 0] <= 8
        assert (np.diff(bright[:, 0]) > 0).all()


def test_noise_grows_with_the_light_and_stays_mild():
    deviations = []
    for seed in range(20):
        noisy = add_noise(np.random.default_rng(seed), np.stack([np.full(20000, x, np.float32) for x in (0, 0.25, 1)]))
        assert noisy.dtype == np.float32
        np.testing.assert_allclose(noisy.mean(1), [0, 0.25, 1], atol=4e-4)
        deviations.append(noisy.std(1))
    dark, middle, full = np.mean(deviations, 0)
    assert dark < middle < full < 0.01
    assert np.max(deviations) < 0.0105
    # Shot noise: the variance above the read noise is proportional to the light.
    assert (middle**2 - dark**2) / (full**2 - dark**2) == pytest.approx(0.25, rel=0.15)
