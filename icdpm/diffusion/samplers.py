"""Samplers: how a denoiser is walked down a schedule of signal levels.

Every sampler here is linear in what it knows: each step from γ_t to γ_{t−1} is

    x_{t−1} = a·x_t + b·x̂_t + c·x̂_{t+1} + d·ε_t,

with x̂_t = denoise(x_t, γ_t) and ε_t standard normal. A sampler is therefore a pure function of the schedule that gives
the weights (a, b, c, d) of each step: a table. What walks down the table is in `icdpm.diffusion.sampling_loops`.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from icdpm.diffusion import SAMPLERS, schedules
from icdpm.diffusion.schedules import log_snr_of


class SamplingSchedule(NamedTuple):
    """What a sampler does, as numbers.

    Attributes:
      gammas: γ_0 = 1 … γ_T, float64 [T + 1], decreasing.
      weights: float64 [T, 4]; row t − 1 holds a, b, c, d of the step from γ_t to γ_{t−1}. c is 0 in the first step taken.
    """

    gammas: tf.Tensor
    weights: tf.Tensor

    @property
    def steps(self):
        """T, the number of evaluations of the denoiser."""
        return int(self.weights.shape[0])


def ancestral(gammas):
    """Weights of ancestral sampling: draws from q(x_{t−1} | x_t, x̂_t), the closed-form posterior of the forward process
    (DDPM, Ho et al. 2020, eq. 6–7). The last step gives x̂_1.
    """
    gamma, after = gammas[1:], gammas[:-1]
    alpha = gamma / after
    beta = 1.0 - alpha
    on_x = tf.sqrt(alpha) * (1.0 - after) / (1.0 - gamma)
    on_image = tf.sqrt(after) * beta / (1.0 - gamma)
    deviation = tf.sqrt(beta * (1.0 - after) / (1.0 - gamma))
    return tf.stack([on_x, on_image, tf.zeros_like(gamma), deviation], axis=1)


def ddim(gammas, eta=0.0):
    """Weights of DDIM(η) (Song et al. 2021, eq. 12 and 16): the ancestral noise times η, and as much more of the direction
    to x_t as keeps the variance. η = 0 is deterministic and of first order; η = 1 is `ancestral`.
    """
    gamma, after = gammas[1:], gammas[:-1]
    deviation = eta * tf.sqrt((1.0 - after) / (1.0 - gamma) * (1.0 - gamma / after))
    on_x = tf.sqrt((1.0 - after - deviation**2) / (1.0 - gamma))
    on_image = tf.sqrt(after) - on_x * tf.sqrt(gamma)
    return tf.stack([on_x, on_image, tf.zeros_like(gamma), deviation], axis=1)


def dpmpp_2m(gammas):
    """Weights of DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2): deterministic, multistep, of second order."""
    return _extrapolated(ddim(gammas), gammas)


def dpmpp_2m_sde(gammas):
    """Weights of SDE-DPM-Solver++(2M) (Lu et al. 2022b, eq. 19): `dpmpp_2m` with all of the ancestral noise."""
    return _extrapolated(ancestral(gammas), gammas)


def _extrapolated(weights, gammas):
    """First-order weights with x̂_t extrapolated in λ = ln(√γ/√(1−γ)) to the middle of the step, as DPM-Solver++ does:
    x̂_t + h_t/(2·h_{t+1})·(x̂_t − x̂_{t+1}), where h_t = λ_{t−1} − λ_t.

    The first step taken has nothing to extrapolate from, and the last, to λ = ∞, gives x̂_1: both stay as they are.
    """
    log_snrs = log_snr_of(gammas[1:])
    widths = log_snrs[:-1] - log_snrs[1:]
    ratios = tf.pad(widths[:-1] / widths[1:], [[1, 1]])[: len(weights)]
    on_x, on_image, _, on_noise = tf.unstack(weights, axis=1)
    change = 0.5 * ratios * on_image
    return tf.stack([on_x, on_image + change, -change, on_noise], axis=1)


_WEIGHTS = {name: globals()[name] for name in SAMPLERS}


def single_evaluation():
    """Returns the schedule of a model without a diffusion process: the output of one evaluation is the result.

    It is not a constant of the module, because a tensor initializes TensorFlow's devices, which must not happen at import.
    """
    return SamplingSchedule(tf.constant([1.0, 0.0], tf.float64), tf.constant([[0.0, 1.0, 0.0, 0.0]], tf.float64))


def make_sampling_schedule(sampler, steps, max_noise_variance, schedule="linear_beta", eta=0.0):
    """The plan of a sampler on a schedule.

    Args:
      sampler: a name in `icdpm.diffusion.SAMPLERS`.
      steps: T, the number of evaluations of the denoiser.
      max_noise_variance: where the schedule starts, as its function in `icdpm.diffusion.schedules` says: of linear_beta the
        largest step variance 1 − α_T, of the others the variance 1 − γ_T.
      schedule: a name in `icdpm.diffusion.SCHEDULES`.
      eta: η of ddim, in [0, 1].
    """
    gammas = getattr(schedules, schedule)(steps, max_noise_variance)
    return SamplingSchedule(gammas, ddim(gammas, eta) if sampler == "ddim" else _WEIGHTS[sampler](gammas))
