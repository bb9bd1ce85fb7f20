"""The three loops that walk down a sampler's plan: in Python, in a graph, and over tiles of one picture.

Each step from γ_t to γ_{t−1} is x_{t−1} = a·x_t + b·x̂_t + c·x̂_{t+1} + d·ε_t with a row of `Plan.weights`
(`icdpm.diffusion.samplers`); the loops differ in where x lies, and give the same numbers.
"""

import numpy as np
import tensorflow as tf

from icdpm.tiles.fading import cross_faded
from icdpm.tiles.strips import Strips, strip_rows


def follow(denoise, start, noise, plan):
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
        denoised = denoise(x, plan.gammas[t])
        x = _advance(plan.weights[t - 1], x, denoised, lambda: previous, lambda: noise(t - 1))  # noqa: B023
        previous = denoised
    return x


def follow_in_graph(denoise, start, noise, plan):
    """Follows a plan from x_T to x_0 in one tf.while_loop, whose graph does not grow with the steps.

    Args:
      denoise, start, noise, plan: as of `follow`, but for the step numbers: t − 1 is an int32 tensor.

    Returns:
      x_0, of the shape of x_T: the numbers of `follow`, bit for bit.
    """
    gammas = tf.constant(plan.gammas)
    weights = tf.cast(plan.weights, tf.float32)
    _, _, extrapolates, adds_noise = np.any(plan.weights.numpy() != 0, axis=0)

    def step(t, x, previous):
        on_x, on_image, on_previous, on_noise = tf.unstack(weights[t - 1])
        denoised = tf.ensure_shape(denoise(x, gammas[t]), start.shape)  # some networks lose the number of images
        x = on_x * x + on_image * denoised
        if extrapolates:
            x += on_previous * previous
        if adds_noise:
            x += on_noise * noise(t - 1)
        return t - 1, x, denoised

    variables = [tf.constant(plan.steps), start, tf.zeros_like(start)]
    # One iteration at a time: the noise of later steps would otherwise be drawn, and kept, ahead of them.
    _, x, _ = tf.while_loop(lambda t, *_: t > 0, step, variables, parallel_iterations=1)
    return x


def follow_in_tiles(denoise, start, noise, plan, tiling, multiple=1):
    """Follows a plan from x_T to x_0, tile by tile within every step: all tiles share one state and one noise.

    So every step sees the picture whole, and what a margin lacks of the network's reach is the only difference from
    following the plan with the picture at once.

    Args:
      denoise: function (x_t in a tile, its Window of rows, its Window of columns, γ_t) -> x̂_t in the tile's core and, where
        tiles fade into each other, as far beyond it as they do.
      start: function of rows (a slice) that gives x_T there.
      noise: function of the step number t − 1 and of rows that gives ε_t there.
      plan: a Plan.
      tiling: an `icdpm.tiles.windows.Tiling`.
      multiple: x is started in strips of multiples of this many rows.

    Returns:
      x_0, as Strips.
    """
    width = tiling.width
    below = [window.start for window in tiling.rows[1:]] + [tiling.height]
    x, previous = Strips(), Strips()
    for rows in tiling.rows:
        for strip in strip_rows(rows.core, width, multiple):
            x.append(start(strip))
    for t in range(plan.steps, 0, -1):
        following, kept = Strips(), Strips()
        is_kept = t > 1 and bool(plan.weights[t - 2][2] != 0)
        fading = [None] * len(tiling.columns)
        for rows, next_start in zip(tiling.rows, below):
            cores = [denoise(x.window(rows.whole, columns.whole), rows, columns, plan.gammas[t]) for columns in tiling.columns]
            reached = rows.faded(tiling.fade)
            cores = [cross_faded([above, core], tiling.fade, axis=1) for above, core in zip(fading, cores)]
            # What fades into the next row of tiles waits for it.
            done = reached.stop if rows.last == tiling.height else rows.last - tiling.fade
            fading = [core[:, done - reached.start :] if tiling.fade else None for core in cores]
            for strip in strip_rows(slice(reached.start, done), width):
                within = slice(strip.start - reached.start, strip.stop - reached.start)
                denoised = cross_faded([core[:, within] for core in cores], tiling.fade, axis=2)
                advanced = _advance(
                    plan.weights[t - 1],
                    x.window(strip),
                    denoised,
                    lambda: previous.window(strip),  # noqa: B023
                    lambda: noise(t - 1, strip),  # noqa: B023
                )
                following.append(advanced)
                if is_kept:
                    kept.append(denoised)
                previous.drop_above(strip.stop)
                x.drop_above(min(strip.stop, next_start))
        x, previous = following, kept
    return x


def _advance(weights, x, denoised, previous, noise):
    """One step: a·x_t + b·x̂_t + c·x̂_{t+1} + d·ε_t.

    Args:
      weights: a row of `Plan.weights`.
      x, denoised: x_t and x̂_t.
      previous, noise: functions that give x̂_{t+1} and ε_t; asked only where their weight is not 0.
    """
    on_x, on_image, on_previous, on_noise = weights.numpy().tolist()
    x = on_x * x + on_image * denoised
    if on_previous:
        x += on_previous * previous()
    if on_noise:
        x += on_noise * noise()
    return x
