"""A short chain of posterior means, walked whole in training too (DiffIR, Xia et al., ICCV 2023; HI-Diff)."""

import tensorflow as tf

from icdpm.diffusion.process import diffuse, predicted_image
from icdpm.diffusion.samplers import ancestral
from icdpm.diffusion.schedules import signal_levels


class MeanChain:
    """x_T → x_0 by the means of q(x_{t−1} | x_t, x̂_t), without the noise of ancestral sampling; gradients go through all steps.

    Args:
      betas: β_1 … β_T, float64 [T].
      predicts: what the network says: 'noise', and x̂ that follows is clipped to [−1, 1]; or 'image', x̂ itself.
    """

    def __init__(self, betas, predicts):
        gammas = signal_levels(betas)
        on_x, on_image, _, _ = tf.unstack(ancestral(gammas), axis=1)
        self.steps = int(betas.shape[0])
        self._gammas, self._on_x, self._on_image = (each.numpy().tolist() for each in (gammas, on_x, on_image))
        self._predicts_noise = predicts == "noise"

    def diffused(self, x, noise):
        """x_T of x, with which the chain starts in training; where x is not known, `noise` alone starts it."""
        return diffuse(x, noise, self._gammas[-1])

    def follow(self, network, start):
        """Walks down to x_0.

        Args:
          network: function (x_t, t) of a float32 tensor and a Python number, T … 1, that gives what is predicted.
          start: x_T.
        """
        x = start
        for t in range(self.steps, 0, -1):
            image = network(x, t)
            if self._predicts_noise:
                image = tf.clip_by_value(predicted_image(x, image, self._gammas[t]), -1.0, 1.0)
            x = self._on_x[t - 1] * x + self._on_image[t - 1] * image
        return x
