"""The loop of `icdpm.diffusion.samplers.draw` as part of a graph, for models that are exported."""

import numpy as np
import tensorflow as tf


def draw_in_graph(denoise, start, noise, plan):
    """Follows a plan from x_T to x_0 in one tf.while_loop, whose graph does not grow with the steps.

    Args:
      denoise, start, noise, plan: as of `draw`, but for the step numbers: t − 1 is an int32 tensor.

    Returns:
      x_0, of the shape of x_T: the numbers of `draw`, bit for bit.
    """
    gammas = tf.constant(plan.gammas)
    weights = tf.cast(plan.weights, tf.float32)
    _, _, extrapolates, adds_noise = np.any(plan.weights.numpy() != 0, axis=0)

    def step(t, x, previous):
        on_x, on_image, on_previous, on_noise = tf.unstack(weights[t - 1])
        denoised = denoise(x, gammas[t])
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
