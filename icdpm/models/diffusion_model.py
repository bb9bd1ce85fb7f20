"""What systems that draw from p(sharp | blurry) by diffusion have in common."""

import dataclasses

import ml_collections
import tensorflow as tf

from icdpm.diffusion import random
from icdpm.diffusion.parametrisations import PARAMETRISATIONS, diffuse, make_parametrisation
from icdpm.diffusion.samplers import make_sampling_schedule
from icdpm.diffusion.schedules import linear_betas, piecewise_uniform, signal_levels
from icdpm.errors import IcdpmError
from icdpm.models.image_restorer import ImageRestorer
from icdpm.models.rules import Rules
from icdpm.models.settings import SAMPLING_PRESETS, SamplingSettings

# Purposes of the random numbers of a training example; each folds its own number into the example's seed.
_STEP, _LEVEL, _NOISE, _DROPOUT = range(4)
FIRST_FREE_PURPOSE = 4

# Added to every blur's strength, so that a sharp example's weight is finite: that of a blur of 44 dB PSNR at σ_r = 0.13.
_FLOOR = 0.01

# The paper's recipe alone is for the paper's many steps; those that are preconditioned are for a few.
_FEW_STEPS = "this model was trained for few steps (diffusion.parametrisation {}), and as many make its pictures worse"

_DISTANCES = {"l1": tf.abs, "l2": tf.square}


class DiffusionModel(ImageRestorer):
    """A network that is shown x_γ and the blurry image, and whose output is turned into x̂ by a parametrisation.

    A system of this kind says, besides its own fields, `network_output` and `compute_losses`, of which one is `noise_loss`.

    Attributes:
      parametrisation: of `icdpm.diffusion.parametrisations`.
      training_levels: γ_0 … γ_T of the training schedule, float64 [T + 1].
    """

    rules = Rules(
        choices={"diffusion.parametrisation": PARAMETRISATIONS, "diffusion.loss": tuple(_DISTANCES)},
        may_be_zero={"sampling.eta", "diffusion.blur_exponent"},
        below_one={"diffusion.beta_start", "diffusion.beta_end"},
        most={"diffusion.steps": 100_000, "sampling.steps": 100_000},
    )

    @classmethod
    def add_fields(cls, config):
        config.diffusion = ml_collections.ConfigDict()
        config.diffusion.steps = 2000  # the training schedule: T (assumed, from SR3 and DvSR)
        config.diffusion.beta_start = 1e-6  # assumed
        config.diffusion.beta_end = 1e-2  # assumed
        config.diffusion.parametrisation = "noise"  # a name in icdpm.diffusion.parametrisations: noise is the paper's
        config.diffusion.residual_std = 0.13  # σ_r of the preconditioned ones
        config.diffusion.loss = "l1"  # of the network's output: l1 (the paper's) or l2
        # The power of its blur's strength by which an example's loss is divided. 0: the paper's, in which strong blur decides
        # all and what is nearly sharp already is made worse; 1: the same share of every blur is asked for, as by PSNR.
        config.diffusion.blur_exponent = 0.0

        # How the trained model is sampled where the user does not say: one of the settings that Table 10 lists.
        config.sampling = ml_collections.ConfigDict()
        config.sampling.sampler = "ancestral"
        config.sampling.steps = 50  # assumed
        config.sampling.max_noise_variance = 0.2  # assumed
        config.sampling.schedule = "linear_beta"
        config.sampling.eta = 0.0  # of the sampler ddim

    @classmethod
    def check(cls, config):
        try:
            SamplingSettings(**config.sampling)
        except IcdpmError as error:
            raise IcdpmError(f"the config section sampling: {error}") from error

    def __init__(self, config, **options):
        super().__init__(config, **options)
        diffusion = self.config.diffusion
        self.parametrisation = make_parametrisation(diffusion.parametrisation, diffusion.residual_std)
        self.training_levels = signal_levels(linear_betas(diffusion.steps, diffusion.beta_start, diffusion.beta_end)).numpy()

    def anchor(self, blurry, conditions):
        """The image around which the parametrisation looks at x_γ.

        Args:
          blurry: the blurry images.
          conditions: function without arguments that gives the conditions.
        """
        return blurry

    def network_output(self, x_gamma, blurry, gamma, conditions, dropout_seed=None):
        """The network's output: what the parametrisation's `target` is compared with.

        Args:
          x_gamma: noisy images.
          blurry: the blurry images.
          gamma: float32 [batch].
          conditions: of `conditions`.
          dropout_seed: stateless seed (int32 [2]) in training, None at inference.
        """
        raise NotImplementedError(f"{type(self).__name__}.network_output")

    # Restoring.

    @classmethod
    def _changed_settings(cls, config, changes):
        known = [field.name for field in dataclasses.fields(SamplingSettings)]
        for name in changes:
            if name not in known:
                raise IcdpmError(f"{cls.title} has no setting {name!r}; it has {', '.join(known)}")
        return SamplingSettings(**config.sampling).changed(**changes)

    @classmethod
    def default_presets(cls, config):
        trained_as = config.diffusion.parametrisation
        if trained_as == "noise":
            return SAMPLING_PRESETS
        paper = dataclasses.replace(SAMPLING_PRESETS["paper"], warning=_FEW_STEPS.format(trained_as))
        return {**SAMPLING_PRESETS, "paper": paper}

    def sampling_schedule(self, settings):
        return make_sampling_schedule(
            settings.sampler, settings.steps, settings.max_noise_variance, settings.schedule, settings.eta
        )

    def one_evaluation_settings(self):
        """Returns the settings of one evaluation where nearly all is noise, as the preset 'fast' has them."""
        return self._changed_settings(self.config, dict(SAMPLING_PRESETS["fast"].changes))

    def start(self, noise, blurry, conditions, gamma):
        return self.parametrisation.start(noise(), self.anchor(blurry, conditions), gamma)

    def denoise(self, x, blurry, gamma, conditions):
        output = self.network_output(x, blurry, gamma, conditions)
        anchor = self.anchor(blurry, lambda: conditions)
        image = self.parametrisation.image(output, x, anchor, gamma[:, None, None, None])
        return tf.clip_by_value(image, -1.0, 1.0)

    # Training.

    def noise_loss(self, batch, conditions, seeds, training):
        """The mean distance of the network's output from its target, at γ ~ p_γ (continuous noise levels).

        Args:
          batch, seeds, training: as of `compute_losses`.
          conditions: of the batch.
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
        output = self.network_output(diffuse(sharp, noise, level), blurry, gamma, conditions, dropout_seed)
        target = self.parametrisation.target(sharp, self.anchor(blurry, lambda: conditions), noise, level)
        losses = tf.reduce_mean(_DISTANCES[self.config.diffusion.loss](output - target), axis=[1, 2, 3])
        if exponent := self.config.diffusion.blur_exponent:
            strength = tf.reduce_mean(tf.square(sharp - blurry), axis=[1, 2, 3]) / self.config.diffusion.residual_std**2
            losses /= (strength + _FLOOR) ** exponent
        return tf.reduce_mean(losses)
