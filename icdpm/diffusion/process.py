"""The forward process and what follows from it."""

import tensorflow as tf


def diffuse(x, noise, gamma):
    """x_γ = √γ·x + √(1−γ)·ε (eq. 3 of arXiv 2212.01789). All tensors must broadcast."""
    return tf.sqrt(gamma) * x + tf.sqrt(1.0 - gamma) * noise


def predicted_noise(x_gamma, x, gamma):
    """ε from x_γ and x; γ < 1."""
    return (x_gamma - tf.sqrt(gamma) * x) / tf.sqrt(1.0 - gamma)


def predicted_image(x_gamma, noise, gamma):
    """x from x_γ and ε; γ > 0."""
    return (x_gamma - tf.sqrt(1.0 - gamma) * noise) / tf.sqrt(gamma)
