"""Sampling loops: in Python, in a graph, and over the tiles of one image; and the short chain of posterior means.

Each step from γ_t to γ_{t−1} is x_{t−1} = a·x_t + b·x̂_t + c·x̂_{t+1} + d·ε_t with a row of `SamplingSchedule.weights`
(`icdpm.diffusion.samplers`). The three loops differ in where x is stored and give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from icdpm.diffusion.parametrizations import diffuse, predicted_image
from icdpm.diffusion.samplers import SamplingSchedule, StepWeights, ancestral
from icdpm.diffusion.schedules import signal_levels
from icdpm.diffusion.tiling import RowStrips, Tiling, blend_parts, split_rows


def run_sampling_loop(denoise: Callable, start: tf.Tensor, noise: Callable | None, schedule: SamplingSchedule) -> tf.Tensor:
    """Runs the sampling loop from x_T to x_0; the result is a deterministic function of the arguments.

    Args:
      denoise: function (x_t, γ_t) → x̂_t; γ_t is a float64 scalar. Where the range of x̂ is known, it clips x̂.
      start: x_T.
      noise: function of the step number t − 1 that returns ε_t, standard normal numbers of the shape of x. It is called only
        for steps to which the sampler adds noise; None if there are none.
      schedule: a `SamplingSchedule`.

    Returns:
      x_0, of the shape of x_T.
    """
    x, previous = start, None
    for t in range(schedule.steps, 0, -1):
        weights = schedule.step_weights(t)
        denoised = denoise(x, schedule.gammas[t])
        x = _step(weights, x, denoised, previous, noise(t - 1) if noise and weights.on_noise else None)
        previous = denoised
    return x


def run_sampling_loop_in_graph(
    denoise: Callable, start: tf.Tensor, noise: Callable | None, schedule: SamplingSchedule
) -> tf.Tensor:
    """Runs the sampling loop in one `tf.while_loop`, whose graph does not grow with the number of steps.

    Args:
      denoise: see `run_sampling_loop`.
      start: x_T.
      noise: see `run_sampling_loop`; here the step number t − 1 is an int32 tensor.
      schedule: a `SamplingSchedule`.

    Returns:
      x_0, of the shape of x_T, equal to the result of `run_sampling_loop` bit for bit.
    """
    gammas = tf.constant(schedule.gammas)
    weights = tf.cast(schedule.weights, tf.float32)
    _, _, extrapolates, adds_noise = np.any(schedule.weights.numpy() != 0, axis=0)

    def step(t, x, previous):
        on_x, on_image, on_previous, on_noise = tf.unstack(weights[t - 1])
        denoised = tf.ensure_shape(denoise(x, gammas[t]), start.shape)  # some networks lose the static batch size
        x = on_x * x + on_image * denoised
        if extrapolates:
            x += on_previous * previous
        if adds_noise:
            x += on_noise * noise(t - 1)
        return t - 1, x, denoised

    variables = [tf.constant(schedule.steps), start, tf.zeros_like(start)]
    # One iteration at a time: otherwise the noise of later steps would be computed in advance and kept in memory.
    _, x, _ = tf.while_loop(lambda t, *_: t > 0, step, variables, parallel_iterations=1)
    return x


def run_sampling_loop_in_tiles(
    denoise: Callable, start: Callable, noise: Callable | None, schedule: SamplingSchedule, tiling: Tiling, multiple: int = 1
) -> RowStrips:
    """Runs the sampling loop tile by tile within every step; all tiles share one x and one noise.

    Since every step updates the whole image, the result differs from that of `run_sampling_loop` only where the overlap of the
    tiles is smaller than the receptive field of the network.

    Args:
      denoise: function (x_t in a tile, its `Window` of rows, its `Window` of columns, γ_t) → x̂_t in the tile's core, widened by
        `tiling.blend` pixels on each side.
      start: function of rows (a slice) that returns x_T in them.
      noise: function of the step number t − 1 and of rows that returns ε_t in them.
      schedule: a `SamplingSchedule`.
      tiling: the division of the image into tiles.
      multiple: x_T is computed in strips whose heights are multiples of this number of rows.

    Returns:
      x_0.
    """
    width = tiling.width
    below = [window.start for window in tiling.rows[1:]] + [tiling.height]
    x, previous = RowStrips(), RowStrips()
    for rows in tiling.rows:
        for strip in split_rows(rows.core, width, multiple):
            x.append(start(strip))
    for t in range(schedule.steps, 0, -1):
        next_x, denoised_strips = RowStrips(), RowStrips()
        weights = schedule.step_weights(t)
        is_needed_again = t > 1 and schedule.step_weights(t - 1).on_previous != 0
        waiting = [None] * len(tiling.columns)
        for rows, next_start in zip(tiling.rows, below):
            cores = [
                denoise(x.window(rows.extent, columns.extent), rows, columns, schedule.gammas[t]) for columns in tiling.columns
            ]
            covered = rows.core_with_blend(tiling.blend)
            cores = [blend_parts([above, core], tiling.blend, axis=1) for above, core in zip(waiting, cores)]
            # The rows that are blended with the next row of tiles wait for it.
            done = covered.stop if rows.core_stop == tiling.height else rows.core_stop - tiling.blend
            waiting = [core[:, done - covered.start :] if tiling.blend else None for core in cores]
            for strip in split_rows(slice(covered.start, done), width):
                within = slice(strip.start - covered.start, strip.stop - covered.start)
                denoised = blend_parts([core[:, within] for core in cores], tiling.blend, axis=2)
                earlier = previous.window(strip) if weights.on_previous else None
                noise_of_strip = noise(t - 1, strip) if noise and weights.on_noise else None
                next_x.append(_step(weights, x.window(strip), denoised, earlier, noise_of_strip))
                if is_needed_again:
                    denoised_strips.append(denoised)
                previous.drop_above(strip.stop)
                x.drop_above(min(strip.stop, next_start))
        x, previous = next_x, denoised_strips
    return x


def _step(weights: StepWeights, x: tf.Tensor, denoised: tf.Tensor, previous: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Computes x_{t−1} = a·x_t + b·x̂_t + c·x̂_{t+1} + d·ε_t.

    Args:
      weights: a, b, c and d.
      x: x_t.
      denoised: x̂_t.
      previous: x̂_{t+1}, or None if its weight is 0.
      noise: ε_t, or None if its weight is 0.
    """
    x = weights.on_x * x + weights.on_image * denoised
    if weights.on_previous:
        x += weights.on_previous * previous
    if weights.on_noise:
        x += weights.on_noise * noise
    return x


class PosteriorMeanChain:
    """Short chain x_T → x_0 of the means of q(x_{t−1} | x_t, x̂_t) (DiffIR, Xia et al., ICCV 2023; HI-Diff).

    It is ancestral sampling without noise. Training runs the whole chain, and gradients go through all of its steps.

    Args:
      betas: β_1 … β_T, float64 [T].
      predicts: the output of the network: 'noise', from which x̂ follows and is clipped to [−1, 1]; or 'image', x̂ itself.
    """

    def __init__(self, betas: tf.Tensor, predicts: str) -> None:
        gammas = signal_levels(betas)
        on_x, on_image, _, _ = tf.unstack(ancestral(gammas), axis=1)
        self.steps = int(betas.shape[0])
        self._gammas, self._on_x, self._on_image = (each.numpy().tolist() for each in (gammas, on_x, on_image))
        self._predicts_noise = predicts == "noise"

    def diffuse(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Returns x_T of x, from which the chain starts in training. Where x is unknown it starts from `noise` alone."""
        return diffuse(x, noise, self._gammas[-1])

    def sample(self, network: Callable, start: tf.Tensor) -> tf.Tensor:
        """Runs the chain and returns x_0.

        Args:
          network: function (x_t, t) of a float32 tensor and a Python number T … 1 that returns the prediction.
          start: x_T.
        """
        x = start
        for t in range(self.steps, 0, -1):
            image = network(x, t)
            if self._predicts_noise:
                image = tf.clip_by_value(predicted_image(x, image, self._gammas[t]), -1.0, 1.0)
            x = self._on_x[t - 1] * x + self._on_image[t - 1] * image
        return x
