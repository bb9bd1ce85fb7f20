"""Table 10: the settings of the sampler that the paper searched."""

from icdpm.diffusion.schedules import linear_beta
from icdpm.models.settings import SamplingSettings

STEPS = (20, 30, 50, 100, 200, 500, 1000)
MAX_NOISE_VARIANCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def grid_settings(samples=1):
    """The 19 settings of Table 10. Which columns its crosses stand in is lost; their number in each row is met exactly by
    the settings that end in noise, 1e-30 < γ_T < 1e-2.
    """
    return [
        SamplingSettings("ancestral", steps, variance, samples)
        for steps in STEPS
        for variance in MAX_NOISE_VARIANCES
        if 1e-30 < float(linear_beta(steps, variance)[-1]) < 1e-2
    ]
