"""Samplers: how a denoiser is walked down a schedule of signal levels.

Every sampler here is linear in what it knows: each step from γ_t to γ_{t−1} is

    x_{t−1} = a·x_t + b·x̂_t + c·x̂_{t+1} + d·ε_t,

with x̂_t = denoise(x_t, γ_t) and ε_t standard normal. A sampler is therefore a pure function of the schedule that gives
the weights (a, b, c, d) of each step, and all of them share one loop (`draw`), whatever executes it.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from icdpm.diffusion.schedules import inference_levels


class Plan(NamedTuple):
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


SAMPLERS = {"ancestral": ancestral}


def make_plan(sampler, steps, max_noise_variance):
    """The plan of a sampler, by its name in `SAMPLERS`, on the paper's schedule (`inference_levels`)."""
    gammas = inference_levels(steps, max_noise_variance)
    return Plan(gammas, SAMPLERS[sampler](gammas))


def draw(denoise, start, noise, plan):
    """Follows a plan from x_T to x_0.

    Args:
      denoise: function (x_t, γ_t) -> x̂_t, γ_t a float64 scalar. Clip x̂ there, where its range is known.
      start: x_T.
      noise: function of the step number t − 1 that gives ε_t, standard normal numbers of x's shape; asked only where the
        sampler adds noise. So a draw is a deterministic function of its arguments.
      plan: a Plan.

    Returns:
      x_0, of the shape of x_T.
    """
    x, previous = start, None
    for t in range(plan.steps, 0, -1):
        on_x, on_image, on_previous, on_noise = plan.weights[t - 1].numpy().tolist()
        denoised = denoise(x, plan.gammas[t])
        x = on_x * x + on_image * denoised
        if on_previous:
            x += on_previous * previous
        if on_noise:
            x += on_noise * noise(t - 1)
        previous = denoised
    return x
