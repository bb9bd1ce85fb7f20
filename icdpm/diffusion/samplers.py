"""Samplers: the steps of a denoiser from noise to an image along a schedule of signal levels.

Every sampler here is linear: each step from γ_t to γ_{t−1} is

    x_{t−1} = a·x_t + b·x̂_t + c·x̂_{t+1} + d·ε_t,

with x̂_t = denoise(x_t, γ_t) and ε_t standard normal. A sampler is therefore a pure function of the signal levels that returns a
table of the weights (a, b, c, d) of each step. `icdpm.diffusion.sampling_loops` evaluates the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from icdpm.diffusion.schedules import linear_beta, log_snr, log_snr_of
from icdpm.errors import IcdpmError


class StepWeights(NamedTuple):
    """Weights a, b, c and d of the step from γ_t to γ_{t−1}, as Python numbers.

    Attributes:
      on_x: a, of x_t.
      on_image: b, of x̂_t.
      on_previous: c, of x̂_{t+1}.
      on_noise: d, of ε_t.
    """

    on_x: float
    on_image: float
    on_previous: float
    on_noise: float


class SamplingSchedule(NamedTuple):
    """Signal levels and weights of every step of a sampler.

    Attributes:
      gammas: γ_0 = 1 … γ_T, float64 [T + 1], decreasing.
      weights: float64 [T, 4]; row t − 1 holds a, b, c, d of the step from γ_t to γ_{t−1}. c is 0 in the first step taken.
    """

    gammas: tf.Tensor
    weights: tf.Tensor

    @property
    def steps(self) -> int:
        """T, the number of evaluations of the denoiser."""
        return int(self.weights.shape[0])

    def step_weights(self, t: int) -> StepWeights:
        """Returns the weights of the step from γ_t to γ_{t−1}, for t from 1 to T. Not for graphs."""
        return StepWeights(*self.weights[t - 1].numpy().tolist())


def ancestral(gammas: tf.Tensor) -> tf.Tensor:
    """Returns the weights of ancestral sampling (DDPM, Ho et al. 2020, eq. 6–7).

    Each step samples q(x_{t−1} | x_t, x̂_t), the closed-form posterior of the forward process. The last step returns x̂_1.
    """
    gamma, after = gammas[1:], gammas[:-1]
    alpha = gamma / after
    beta = 1.0 - alpha
    on_x = tf.sqrt(alpha) * (1.0 - after) / (1.0 - gamma)
    on_image = tf.sqrt(after) * beta / (1.0 - gamma)
    deviation = tf.sqrt(beta * (1.0 - after) / (1.0 - gamma))
    return tf.stack([on_x, on_image, tf.zeros_like(gamma), deviation], axis=1)


def ddim(gammas: tf.Tensor, eta: float = 0.0) -> tf.Tensor:
    """Returns the weights of DDIM(η) (Song et al. 2021, eq. 12 and 16).

    The noise is that of ancestral sampling times η, and the weight of x_t is larger such that the variance is the same. η = 0
    is deterministic and of first order; η = 1 is `ancestral`.
    """
    gamma, after = gammas[1:], gammas[:-1]
    deviation = eta * tf.sqrt((1.0 - after) / (1.0 - gamma) * (1.0 - gamma / after))
    on_x = tf.sqrt((1.0 - after - deviation**2) / (1.0 - gamma))
    on_image = tf.sqrt(after) - on_x * tf.sqrt(gamma)
    return tf.stack([on_x, on_image, tf.zeros_like(gamma), deviation], axis=1)


def dpmpp_2m(gammas: tf.Tensor) -> tf.Tensor:
    """Returns the weights of DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2): deterministic, multistep, of second order."""
    return _extrapolated(ddim(gammas), gammas)


def dpmpp_2m_sde(gammas: tf.Tensor) -> tf.Tensor:
    """Returns the weights of SDE-DPM-Solver++(2M) (Lu et al. 2022b, eq. 19): `dpmpp_2m` with the full ancestral noise."""
    return _extrapolated(ancestral(gammas), gammas)


def _extrapolated(weights: tf.Tensor, gammas: tf.Tensor) -> tf.Tensor:
    """Extrapolates x̂_t of first-order weights to the middle of the step in λ = ln(√γ/√(1−γ)), as DPM-Solver++ does.

    x̂_t becomes x̂_t + h_t/(2·h_{t+1})·(x̂_t − x̂_{t+1}), where h_t = λ_{t−1} − λ_t. The first step has no previous x̂, and the last
    one, to λ = ∞, returns x̂_1: both keep their weights.
    """
    log_snrs = log_snr_of(gammas[1:])
    widths = log_snrs[:-1] - log_snrs[1:]
    ratios = tf.pad(widths[:-1] / widths[1:], [[1, 1]])[: len(weights)]
    on_x, on_image, _, on_noise = tf.unstack(weights, axis=1)
    change = 0.5 * ratios * on_image
    return tf.stack([on_x, on_image + change, -change, on_noise], axis=1)


_SAMPLERS: dict[str, Callable[..., tf.Tensor]] = {
    "ancestral": ancestral,
    "ddim": ddim,
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_sde": dpmpp_2m_sde,
}
_SCHEDULES = {"linear_beta": linear_beta, "log_snr": log_snr}


def single_evaluation() -> SamplingSchedule:
    """Returns the schedule of a model without a diffusion process: the output of one evaluation is the result.

    It is not a constant of the module, because a tensor initializes TensorFlow's devices, which must not happen at import.
    """
    return SamplingSchedule(tf.constant([1.0, 0.0], tf.float64), tf.constant([[0.0, 1.0, 0.0, 0.0]], tf.float64))


def make_sampling_schedule(
    sampler: str, steps: int, max_noise_variance: float, schedule: str = "linear_beta", eta: float = 0.0
) -> SamplingSchedule:
    """Returns the sampling schedule of a sampler on a noise schedule.

    Args:
      sampler: a name in `icdpm.diffusion.SAMPLERS`.
      steps: T, the number of evaluations of the denoiser.
      max_noise_variance: the largest step variance 1 − α_T of linear_beta, the variance 1 − γ_T of the other schedules; see the
        functions in `icdpm.diffusion.schedules`.
      schedule: a name in `icdpm.diffusion.SCHEDULES`.
      eta: η of ddim, in [0, 1].

    Raises:
      IcdpmError: γ_T is 0 in float64, so that the weights would not be finite.
    """
    gammas = _SCHEDULES[schedule](steps, max_noise_variance)
    if gammas[-1] == 0.0:
        raise IcdpmError(
            f"`steps` or `max_noise_variance` must be smaller for the schedule {schedule}, which leaves no signal. Received: "
            f"{steps} and {max_noise_variance:g}."
        )
    return SamplingSchedule(gammas, ddim(gammas, eta) if sampler == "ddim" else _SAMPLERS[sampler](gammas))
