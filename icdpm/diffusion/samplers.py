"""Samplers: pure functions of a denoiser, a start and a schedule.

A denoiser is a function `denoise(x_γ, γ) -> x̂` of the noisy images [batch, height, width, channels] and one signal level
(scalar), whatever its network predicts. `noise(step)` gives standard normal numbers of the images' shape, so that a sampler
is a deterministic function of its arguments.
"""

import tensorflow as tf


def ancestral_step(x, denoised, noise, gamma, next_gamma):
    """One draw from q(x_{t−1} | x_t, x̂), the closed-form posterior of the forward process (DDPM, Ho et al. 2020, eq. 6–7).

    Args:
      x: x_t, at signal level `gamma`.
      denoised: x̂.
      noise: standard normal numbers of x's shape.
      gamma, next_gamma: γ_t and γ_{t−1} > γ_t, float64 scalars. At γ_{t−1} = 1 the result is x̂ exactly.
    """
    alpha = gamma / next_gamma
    beta = 1.0 - alpha
    image_weight = tf.sqrt(next_gamma) * beta / (1.0 - gamma)
    noisy_weight = tf.sqrt(alpha) * (1.0 - next_gamma) / (1.0 - gamma)
    variance = beta * (1.0 - next_gamma) / (1.0 - gamma)
    image_weight, noisy_weight, deviation = (tf.cast(w, x.dtype) for w in (image_weight, noisy_weight, tf.sqrt(variance)))
    return image_weight * denoised + noisy_weight * x + deviation * noise


def ancestral(denoise, start, noise, gammas):
    """Ancestral sampling (DDPM) down a schedule.

    Args:
      denoise: see the module. Clip x̂ there, where its range is known.
      start: x_T.
      noise: function of the step number t, asked for the step from t + 1 to t.
      gammas: γ_0 = 1 … γ_T, float64 [T + 1].

    Returns:
      x_0, of the shape of x_T.
    """
    x = start
    for t in range(int(gammas.shape[0]) - 1, 0, -1):
        x = ancestral_step(x, denoise(x, gammas[t]), noise(t - 1), gammas[t], gammas[t - 1])
    return x
