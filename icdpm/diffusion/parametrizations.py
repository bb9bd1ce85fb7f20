"""Forward process, and parametrizations: what the network sees and what it predicts.

A config selects a parametrization by name. Each has four functions of tensors that broadcast, with γ of shape [batch, 1, 1, 1].
y is the best prediction of x without x_γ: the blurry image, or the output of an initial predictor.
  start(ε, y, γ): x_γ from which a sampler starts, where only y is known of x;
  network_input(x_γ, y, γ): the noisy image as the network sees it;
  target(x, y, ε, γ): the target of the network's output;
  image(output, x_γ, y, γ): the predicted sharp image x̂.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf


def diffuse(x: tf.Tensor, noise: tf.Tensor, gamma: tf.Tensor | float) -> tf.Tensor:
    """Returns x_γ = √γ·x + √(1−γ)·ε (eq. 3 of arXiv 2212.01789). All tensors must broadcast."""
    return tf.sqrt(gamma) * x + tf.sqrt(1.0 - gamma) * noise


def predicted_image(x_gamma: tf.Tensor, noise: tf.Tensor, gamma: tf.Tensor | float) -> tf.Tensor:
    """Returns x, from x_γ and ε; γ > 0."""
    return (x_gamma - tf.sqrt(1.0 - gamma) * noise) / tf.sqrt(gamma)


@dataclasses.dataclass(frozen=True)
class NoisePrediction:
    """Parametrization of the paper: the network sees x_γ and predicts ε."""

    def start(self, noise: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """Returns ε: pure noise, a good approximation for small γ."""
        return noise

    def network_input(self, x_gamma: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """Returns x_γ."""
        return x_gamma

    def target(self, sharp: tf.Tensor, blurry: tf.Tensor, noise: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """Returns ε."""
        return noise

    def image(self, output: tf.Tensor, x_gamma: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """Returns x̂ = (x_γ − √(1−γ)·ε̂)/√γ."""
        return predicted_image(x_gamma, output, gamma)


@dataclasses.dataclass(frozen=True)
class PreconditionedNoisePrediction:
    """ε-prediction preconditioned around the blurry image, as EDM (Karras et al., 2022) preconditions around a mean.

    With x = y + r and r of standard deviation σ_r, d = x_γ − √γ·y = √γ·r + √(1−γ)·ε has the variance V = γσ_r² + 1 − γ. The
    best linear estimate of ε from d is √(1−γ)/V·d. The network sees d/√V and predicts the remainder F in units of its standard
    deviation: ε = √(1−γ)/V·d + √γσ_r/√V·F. An untrained network (F = 0) thus returns an image between y and x_γ, which makes
    short training effective.

    Args:
      residual_std: σ_r, the standard deviation of sharp − blurry on [−1, 1].
    """

    residual_std: float

    def _variance(self, gamma: tf.Tensor) -> tf.Tensor:
        return gamma * self.residual_std**2 + 1.0 - gamma

    def start(self, noise: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """Returns √γ·y + √V·ε, whose distribution is that of x_γ if r is Gaussian, for any γ."""
        return tf.sqrt(gamma) * blurry + tf.sqrt(self._variance(gamma)) * noise

    def network_input(self, x_gamma: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """Returns d/√V, of zero mean and unit variance."""
        return (x_gamma - tf.sqrt(gamma) * blurry) * tf.math.rsqrt(self._variance(gamma))

    def target(self, sharp: tf.Tensor, blurry: tf.Tensor, noise: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """Returns F = (√γσ_r·ε − √(1−γ)/σ_r·r)/√V, of unit variance at every γ, without division by a vanishing number."""
        residual = sharp - blurry
        scaled = tf.sqrt(gamma) * self.residual_std * noise - tf.sqrt(1.0 - gamma) / self.residual_std * residual
        return scaled * tf.math.rsqrt(self._variance(gamma))

    def image(self, output: tf.Tensor, x_gamma: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """Returns x̂ = y + √γσ_r²/V·d − σ_r√(1−γ)/√V·F."""
        variance = self._variance(gamma)
        difference = x_gamma - tf.sqrt(gamma) * blurry
        linear = tf.sqrt(gamma) * self.residual_std**2 / variance * difference
        return blurry + linear - self.residual_std * tf.sqrt(1.0 - gamma) * tf.math.rsqrt(variance) * output


@dataclasses.dataclass(frozen=True)
class PreconditionedEstimatePrediction(PreconditionedNoisePrediction):
    """`PreconditionedNoisePrediction` whose network sees the best linear estimate of r from d in place of d/√V.

    At the high noise levels of few-step sampling, d/√V is noise of unit variance. It hides the fine structure of the blurry
    image from a network that is not fully trained. The estimate tends to 0 there, so it never holds more noise than signal.
    """

    def network_input(self, x_gamma: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """Returns √γσ_r/V·d, the estimate of r in units of σ_r, of variance γσ_r²/V < 1."""
        difference = x_gamma - tf.sqrt(gamma) * blurry
        return tf.sqrt(gamma) * self.residual_std / self._variance(gamma) * difference


@dataclasses.dataclass(frozen=True)
class ResidualNoisePrediction(NoisePrediction):
    """Diffusion of the residual r = x − y (DvSR, Whang et al. 2022): the network sees r_γ = √γ·r + √(1−γ)·ε and predicts ε.

    With x_γ = r_γ + √γ·y this is a diffusion process of x, so that samplers do not depend on y.
    """

    def start(self, noise: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """Returns √γ·y + ε, whose residual is pure noise."""
        return tf.sqrt(gamma) * blurry + noise

    def network_input(self, x_gamma: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        """Returns r_γ."""
        return x_gamma - tf.sqrt(gamma) * blurry


_CLASSES: dict[str, type[NoisePrediction | PreconditionedNoisePrediction]] = {
    "noise": NoisePrediction,
    "preconditioned_noise": PreconditionedNoisePrediction,
    "preconditioned_estimate": PreconditionedEstimatePrediction,
    "residual_noise": ResidualNoisePrediction,
}

PARAMETRIZATIONS = tuple(_CLASSES)


def make_parametrization(name: str, residual_std: float) -> NoisePrediction | PreconditionedNoisePrediction:
    """Returns a parametrization by its name in `PARAMETRIZATIONS`; only the preconditioned ones use `residual_std`, σ_r."""
    parametrization = _CLASSES[name]
    if issubclass(parametrization, PreconditionedNoisePrediction):
        return parametrization(residual_std)
    return parametrization()
