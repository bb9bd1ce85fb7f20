"""Predict and refine (DvSR: Whang et al., *Deblurring via Stochastic Refinement*, CVPR 2022; [77] of arXiv 2212.01789)."""

import tensorflow as tf

from icdpm.keras import keras
from icdpm.models.diffusion_model import DiffusionModel
from icdpm.models.unets import check_unet, make_unet, tile_margin, unet_factor, unet_fields, unet_rules


@keras.saving.register_keras_serializable(package="icdpm")
class DvSR(DiffusionModel):
    """An initial predictor g(y), and a denoiser that draws the residual x − g(y) by diffusion, conditioned on y.

    Both are UNets of the family of icDPM's denoiser, the predictor without noise level, and are trained jointly by the loss of
    the diffusion alone: the predictor learns what leaves the easiest residual. Its prediction is made once for a picture, so
    the predictor is the large network (C = 64) and the denoiser, which every step evaluates, the small one (C = 32).

    Its conditions are {'prediction': g(y)}.
    """

    title = "a DvSR"
    description = (
        "An initial predictor and a diffusion model that draws what is missing from its prediction (*Deblurring via Stochastic "
        "Refinement*, Whang et al., CVPR 2022)."
    )
    rules = DiffusionModel.rules | unet_rules("unet") | unet_rules("predictor")

    @classmethod
    def add_fields(cls, config):
        super().add_fields(config)
        config.diffusion.parametrisation = "residual_noise"
        config.unet = unet_fields(channels=32)  # the denoiser, evaluated at every step
        config.predictor = unet_fields(channels=64)  # evaluated once for each image
        config.predictor.residual = True  # the network says what is to be added to the blurry image (assumed)

    @classmethod
    def check(cls, config):
        super().check(config)
        check_unet(config, "unet")
        check_unet(config, "predictor")

    @classmethod
    def size_multiple_for(cls, config):
        return max(unet_factor(config.unet), unet_factor(config.predictor))

    def __init__(self, config, **options):
        super().__init__(config, **options)
        config = self.config
        self.predictor = make_unet(config.predictor, config.precision, embedded=False, name="predictor")
        self.unet = make_unet(config.unet, config.precision)

    @property
    def receptive_field_radius(self):
        return max(self.unet.receptive_field_radius, self.predictor.receptive_field_radius)

    @property
    def tile_overlap(self):
        networks = ((self.config.unet, self.unet), (self.config.predictor, self.predictor))
        return max(tile_margin(fields, network.receptive_field_radius, self.size_multiple) for fields, network in networks)

    @property
    def bytes_per_pixel(self):
        return max(self.unet.bytes_per_pixel, self.predictor.bytes_per_pixel)

    def encode_condition(self, blurry):
        output = self.predictor(blurry, None)
        return {"prediction": blurry + output if self.config.predictor.residual else output}

    def intermediate_outputs(self, condition):
        """The initial prediction."""
        return condition

    def anchor(self, blurry, conditions):
        """g(y): what is diffused is the residual from it."""
        return conditions()["prediction"]

    def network_output(self, x_gamma, blurry, gamma, conditions, dropout_seed=None):
        seen = self.parametrisation.network_input(x_gamma, conditions["prediction"], gamma[:, None, None, None])
        return self.unet(tf.concat([seen, blurry], axis=-1), tf.sqrt(gamma), dropout_seed=dropout_seed)

    loss_names = ("noise",)

    def compute_losses(self, batch, seeds, training):
        """One loss, which trains both networks."""
        return {"noise": self.noise_loss(batch, self.encode_condition(batch["blurry"]), seeds, training)}
