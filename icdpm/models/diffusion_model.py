"""Base class of models that sample p(sharp | blurry) by diffusion."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import ml_collections
import tensorflow as tf

from icdpm.diffusion import random
from icdpm.diffusion.parametrizations import PARAMETRIZATIONS, diffuse, make_parametrization
from icdpm.diffusion.samplers import SamplingSchedule, make_sampling_schedule
from icdpm.diffusion.schedules import linear_betas, piecewise_uniform, signal_levels
from icdpm.errors import IcdpmError
from icdpm.models.constraints import NON_NEGATIVE, POSITIVE_FRACTION, FieldConstraints
from icdpm.models.image_restorer import ImageRestorer
from icdpm.models.sampling_presets import SAMPLING_PRESETS, Preset
from icdpm.models.settings import SamplingSettings

# Constants that are folded into the seed of a training example, one per random quantity.
_STEP, _LEVEL, _NOISE, _DROPOUT = range(4)
FIRST_FREE_RANDOM_USE = 4

# Added to the strength of every blur, so that the weight of a sharp example is finite: a blur of 44 dB PSNR at σ_r = 0.13.
_MINIMUM_BLUR = 0.01

# The paper's own parametrization is for many steps, the preconditioned ones are for a few.
_FEW_STEPS = "this model was trained for few steps (diffusion.parametrisation {}), and many steps degrade its images"

_DISTANCES = {"l1": tf.abs, "l2": tf.square}


class DiffusionModel(ImageRestorer):
    """Base class of models whose network receives x_γ and the blurry image, and whose output a parametrization converts to x̂.

    A subclass defines its config fields, `network_output` and `compute_losses`, which uses `noise_loss`.

    Attributes:
      parametrization: a parametrization of `icdpm.diffusion.parametrizations`.
      training_levels: γ_0 … γ_T of the training schedule, float64 [T + 1].
    """

    constraints: Mapping[str, FieldConstraints] = {
        "diffusion.steps": FieldConstraints(minimum=1, maximum=100_000),
        "diffusion.beta_start": POSITIVE_FRACTION,
        "diffusion.beta_end": POSITIVE_FRACTION,
        "diffusion.parametrisation": FieldConstraints(choices=PARAMETRIZATIONS),
        "diffusion.loss": FieldConstraints(choices=tuple(_DISTANCES)),
        "diffusion.blur_exponent": NON_NEGATIVE,
        "sampling.steps": FieldConstraints(minimum=1, maximum=100_000),
        "sampling.eta": NON_NEGATIVE,
    }

    @classmethod
    def add_fields(cls, config: ml_collections.ConfigDict) -> None:
        config.diffusion = ml_collections.ConfigDict()
        config.diffusion.steps = 2000  # T of the training schedule (assumed, from SR3 and DvSR)
        config.diffusion.beta_start = 1e-6  # assumed
        config.diffusion.beta_end = 1e-2  # assumed
        config.diffusion.parametrisation = "noise"  # a name in icdpm.diffusion.parametrizations; noise is the paper's
        config.diffusion.residual_std = 0.13  # σ_r of the preconditioned parametrizations
        config.diffusion.loss = "l1"  # of the network's output: l1 (the paper's) or l2
        # The loss of an example is divided by this power of its blur's strength. 0 (the paper's): strong blur dominates, and
        # nearly sharp images degrade; 1: every blur weighs the same relative to its strength, as in PSNR.
        config.diffusion.blur_exponent = 0.0

        # Default sampling settings of the trained model: one of the settings that Table 10 lists.
        config.sampling = ml_collections.ConfigDict()
        config.sampling.sampler = "ancestral"
        config.sampling.steps = 50  # assumed
        config.sampling.max_noise_variance = 0.2  # assumed
        config.sampling.schedule = "linear_beta"
        config.sampling.eta = 0.0  # of the sampler ddim

    @classmethod
    def check(cls, config: ml_collections.ConfigDict) -> None:
        try:
            SamplingSettings(**config.sampling)
        except IcdpmError as error:
            raise IcdpmError(f"Config section `sampling`: {error}") from error

    def __init__(self, config: ml_collections.ConfigDict | Mapping, **options: Any) -> None:
        super().__init__(config, **options)
        diffusion = self.config.diffusion
        self.parametrization = make_parametrization(diffusion.parametrisation, diffusion.residual_std)
        self.training_levels = signal_levels(linear_betas(diffusion.steps, diffusion.beta_start, diffusion.beta_end)).numpy()

    # Defined by subclasses: the network.

    def anchor(self, blurry: tf.Tensor, condition: Callable[[], Any]) -> tf.Tensor:
        """Returns the best prediction of x without x_γ, from which the parametrization measures: y, or an initial prediction.

        Args:
          blurry: the blurry images.
          condition: function without arguments that returns the condition, which most models do not need.
        """
        return blurry

    def network_output(
        self,
        x_gamma: tf.Tensor,
        blurry: tf.Tensor,
        gamma: tf.Tensor,
        condition: Any,
        dropout_seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the network's output, which is trained toward the parametrization's `target`.

        Args:
          x_gamma: noisy images.
          blurry: the blurry images.
          gamma: γ, float32 [batch].
          condition: the result of `encode_condition`.
          dropout_seed: a stateless seed, two integers, in training, None at inference.
        """
        raise NotImplementedError(f"{type(self).__name__}.network_output")

    # Restoration.

    @classmethod
    def _changed_settings(cls, config, changes) -> SamplingSettings:
        known = [field.name for field in dataclasses.fields(SamplingSettings)]
        for name in changes:
            if name not in known:
                raise IcdpmError(f"{cls.title} models have no setting {name!r}. Choose from {', '.join(known)}.")
        return SamplingSettings(**config.sampling).changed(**changes)

    @classmethod
    def default_presets(cls, config: ml_collections.ConfigDict) -> dict[str, Preset]:
        parametrization = config.diffusion.parametrisation
        if parametrization == "noise":
            return SAMPLING_PRESETS
        paper = dataclasses.replace(SAMPLING_PRESETS["paper"], warning=_FEW_STEPS.format(parametrization))
        return {**SAMPLING_PRESETS, "paper": paper}

    def sampling_schedule(self, settings: Any) -> SamplingSchedule:
        return make_sampling_schedule(
            settings.sampler, settings.steps, settings.max_noise_variance, settings.schedule, settings.eta
        )

    def one_evaluation_settings(self) -> SamplingSettings:
        """Returns the settings of one evaluation that starts from nearly pure noise, as in the preset 'fast'."""
        return self._changed_settings(self.config, dict(SAMPLING_PRESETS["fast"].changes))

    def initial_sample(
        self, noise: Callable[[], tf.Tensor], blurry: tf.Tensor, condition: Callable[[], Any], gamma: tf.Tensor
    ) -> tf.Tensor:
        return self.parametrization.start(noise(), self.anchor(blurry, condition), gamma)

    def denoise(self, x: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor, condition: Any) -> tf.Tensor:
        output = self.network_output(x, blurry, gamma, condition)
        anchor = self.anchor(blurry, lambda: condition)
        image = self.parametrization.image(output, x, anchor, gamma[:, None, None, None])
        return tf.clip_by_value(image, -1.0, 1.0)

    # Training.

    def noise_loss(self, batch: Mapping[str, tf.Tensor], condition: Any, seeds: tf.Tensor, training: bool) -> tf.Tensor:
        """Computes the diffusion loss L_DPM: the mean distance between the network's output and its target.

        The noise level is continuous: γ ~ p_γ.

        Args:
          batch: {'blurry', 'sharp'}, float32 [batch, height, width, 3] in [−1, 1].
          condition: the condition of the batch.
          seeds: int64 [batch, 2], one for each example.
          training: whether dropout is active.

        Returns:
          float32 scalar.
        """
        blurry, sharp = batch["blurry"], batch["sharp"]
        gamma = piecewise_uniform(
            tf.constant(self.training_levels),
            random.uniform_each(random.fold_in(seeds, _STEP), []),
            random.uniform_each(random.fold_in(seeds, _LEVEL), []),
        )
        noise = random.normal_each(random.fold_in(seeds, _NOISE), tf.shape(sharp)[1:])
        level = gamma[:, None, None, None]
        dropout_seed = None
        if training and self.config.unet.dropout:
            dropout_seed = tf.random.experimental.stateless_fold_in(seeds[0], tf.constant(_DROPOUT, tf.int64), alg="philox")
        output = self.network_output(diffuse(sharp, noise, level), blurry, gamma, condition, dropout_seed)
        target = self.parametrization.target(sharp, self.anchor(blurry, lambda: condition), noise, level)
        losses = tf.reduce_mean(_DISTANCES[self.config.diffusion.loss](output - target), axis=[1, 2, 3])
        if exponent := self.config.diffusion.blur_exponent:
            strength = tf.reduce_mean(tf.square(sharp - blurry), axis=[1, 2, 3]) / self.config.diffusion.residual_std**2
            losses /= (strength + _MINIMUM_BLUR) ** exponent
        return tf.reduce_mean(losses)
