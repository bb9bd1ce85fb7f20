"""What the network is asked to predict. Each parametrisation is a thin wrapper, chosen by config.

A parametrisation has four functions of tensors that broadcast, with γ of shape [batch, 1, 1, 1]. y is the image around which
x_γ is looked at, the best that is known of x without it: the blurry image, or what an initial predictor makes of it.
  start(ε, y, γ): x_γ as a sampler may begin with it, where nothing is known of x but y;
  network_input(x_γ, y, γ): what the network sees of the noisy image;
  target(x, y, ε, γ): what its output is compared with;
  image(output, x_γ, y, γ): the predicted sharp image x̂.
"""

import dataclasses

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


@dataclasses.dataclass(frozen=True)
class NoisePrediction:
    """The paper's: the network sees x_γ and predicts ε."""

    def start(self, noise, blurry, gamma):
        """ε: pure noise, which is right where γ is small."""
        return noise

    def network_input(self, x_gamma, blurry, gamma):
        """x_γ itself."""
        return x_gamma

    def target(self, sharp, blurry, noise, gamma):
        """ε."""
        return noise

    def image(self, output, x_gamma, blurry, gamma):
        """x̂ = (x_γ − √(1−γ)·ε̂)/√γ."""
        return predicted_image(x_gamma, output, gamma)


@dataclasses.dataclass(frozen=True)
class PreconditionedNoisePrediction:
    """ε-prediction preconditioned around the blurry image, as EDM (Karras et al., 2022) does around a mean.

    With x = y + r, r of standard deviation σ_r, the input d = x_γ − √γ·y = √γ·r + √(1−γ)·ε has variance
    V = γσ_r² + 1 − γ. The best linear guess of ε from d is √(1−γ)/V·d; the network predicts the rest in units of its
    standard deviation, ε = √(1−γ)/V·d + √γσ_r/√V·F, and sees d/√V. A network that has learned nothing (F = 0) thus
    already answers with something between y and x_γ, which is what makes short trainings work.

    Args:
      residual_std: σ_r, the spread of sharp − blurry on [−1, 1].
    """

    residual_std: float

    def _variance(self, gamma):
        return gamma * self.residual_std**2 + 1.0 - gamma

    def start(self, noise, blurry, gamma):
        """√γ·y + √V·ε: what x_γ is distributed as where r is Gaussian, right at any γ."""
        return tf.sqrt(gamma) * blurry + tf.sqrt(self._variance(gamma)) * noise

    def network_input(self, x_gamma, blurry, gamma):
        """d/√V: zero mean, unit variance."""
        return (x_gamma - tf.sqrt(gamma) * blurry) * tf.math.rsqrt(self._variance(gamma))

    def target(self, sharp, blurry, noise, gamma):
        """F = (√γσ_r·ε − √(1−γ)/σ_r·r)/√V: unit variance at every γ, without a division that vanishes."""
        residual = sharp - blurry
        scaled = tf.sqrt(gamma) * self.residual_std * noise - tf.sqrt(1.0 - gamma) / self.residual_std * residual
        return scaled * tf.math.rsqrt(self._variance(gamma))

    def image(self, output, x_gamma, blurry, gamma):
        """x̂ = y + √γσ_r²/V·d − σ_r√(1−γ)/√V·F."""
        variance = self._variance(gamma)
        difference = x_gamma - tf.sqrt(gamma) * blurry
        linear = tf.sqrt(gamma) * self.residual_std**2 / variance * difference
        return blurry + linear - self.residual_std * tf.sqrt(1.0 - gamma) * tf.math.rsqrt(variance) * output


@dataclasses.dataclass(frozen=True)
class PreconditionedEstimatePrediction(PreconditionedNoisePrediction):
    """As `PreconditionedNoisePrediction`, but the network sees the best linear guess of r from d instead of d/√V.

    At the high noise levels where few-step sampling spends its evaluations, d/√V is noise of unit variance and hides the
    blurry image's fine structure beside it until a network has learned to look past it. The guess fades out there, so
    that it never shows more noise than it tells of the image.
    """

    def network_input(self, x_gamma, blurry, gamma):
        """√γσ_r/V·d: the guess of r in units of σ_r, of variance γσ_r²/V < 1."""
        difference = x_gamma - tf.sqrt(gamma) * blurry
        return tf.sqrt(gamma) * self.residual_std / self._variance(gamma) * difference


@dataclasses.dataclass(frozen=True)
class ResidualNoisePrediction(NoisePrediction):
    """Diffusion of the residual r = x − y (DvSR, Whang et al. 2022): the network sees r_γ = √γ·r + √(1−γ)·ε and predicts ε.

    With x_γ = r_γ + √γ·y this is a diffusion of x, so that samplers need not know of y.
    """

    def start(self, noise, blurry, gamma):
        """√γ·y + ε: a residual of pure noise."""
        return tf.sqrt(gamma) * blurry + noise

    def network_input(self, x_gamma, blurry, gamma):
        """r_γ."""
        return x_gamma - tf.sqrt(gamma) * blurry


_CLASSES = {
    "noise": NoisePrediction,
    "preconditioned_noise": PreconditionedNoisePrediction,
    "preconditioned_estimate": PreconditionedEstimatePrediction,
    "residual_noise": ResidualNoisePrediction,
}

PARAMETRISATIONS = tuple(_CLASSES)


def make_parametrisation(name, residual_std):
    """A parametrisation by its name in `PARAMETRISATIONS`; those that have no σ_r do not look at it."""
    chosen = _CLASSES[name]
    return chosen(residual_std) if dataclasses.fields(chosen) else chosen()
