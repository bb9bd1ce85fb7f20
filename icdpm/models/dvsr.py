"""Predict and refine (DvSR: Whang et al., *Deblurring via Stochastic Refinement*, CVPR 2022; [77] of arXiv 2212.01789)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_collections
import tensorflow as tf

from icdpm.diffusion import random
from icdpm.keras import keras
from icdpm.models import unets
from icdpm.models.diffusion_model import FIRST_FREE_RANDOM_USE, DiffusionModel


@keras.saving.register_keras_serializable(package="icdpm")
class DvSR(DiffusionModel):
    """Initial predictor g(y), and a denoiser that samples the residual x − g(y) by diffusion, conditioned on y.

    Both are UNets like icDPM's denoiser; the predictor receives no noise level. The diffusion loss alone trains both, so that
    the predictor learns the prediction with the simplest residual. The predictor runs once for an image and is the large
    network (C = 64). The denoiser runs at every step and is the small one (C = 32).

    The condition is {'prediction': g(y)}.
    """

    title = "DvSR"
    description = (
        "An initial predictor, and a diffusion model that samples the difference between its prediction and the sharp image "
        "(*Deblurring via Stochastic Refinement*, Whang et al., CVPR 2022)."
    )
    constraints = {**DiffusionModel.constraints, **unets.section_constraints("unet"), **unets.section_constraints("predictor")}
    loss_names = ("noise",)

    @classmethod
    def add_fields(cls, config: ml_collections.ConfigDict) -> None:
        super().add_fields(config)
        config.diffusion.parametrisation = "residual_noise"
        config.unet = unets.default_section(channels=32)  # the denoiser, evaluated at every step
        config.predictor = unets.default_section(channels=64)  # evaluated once for each image
        config.predictor.residual = True  # the predictor predicts sharp − blurry (assumed)

    @classmethod
    def check(cls, config: ml_collections.ConfigDict) -> None:
        super().check(config)
        unets.check_section(config, "unet")
        unets.check_section(config, "predictor")

    @classmethod
    def size_multiple_for(cls, config: ml_collections.ConfigDict) -> int:
        return max(unets.size_multiple(config.unet), unets.size_multiple(config.predictor))

    def __init__(self, config: ml_collections.ConfigDict | Mapping, **options: Any) -> None:
        super().__init__(config, **options)
        config = self.config
        self.predictor = unets.make_network(config.predictor, config.precision, embedded=False, name="predictor")
        self.unet = unets.make_network(config.unet, config.precision)

    @property
    def receptive_field_radius(self) -> int:
        radius = max(self.unet.receptive_field_radius, self.predictor.receptive_field_radius)
        return -(-radius // self.size_multiple) * self.size_multiple

    @property
    def tile_overlap(self) -> int:
        networks = ((self.config.unet, self.unet), (self.config.predictor, self.predictor))
        return max(
            unets.tile_overlap(fields, network.receptive_field_radius, self.size_multiple) for fields, network in networks
        )

    @property
    def bytes_per_pixel(self) -> float:
        return max(self.unet.bytes_per_pixel, self.predictor.bytes_per_pixel)

    def encode_condition(self, blurry: tf.Tensor, dropout_seed: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        output = self.predictor(blurry, None, dropout_seed=dropout_seed)
        return {"prediction": blurry + output if self.config.predictor.residual else output}

    def intermediate_outputs(self, condition: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the initial prediction."""
        return condition

    def anchor(self, blurry: tf.Tensor, condition: Callable[[], Any]) -> tf.Tensor:
        """Returns g(y): the diffusion models the residual from it."""
        return condition()["prediction"]

    def network_output(
        self,
        x_gamma: tf.Tensor,
        blurry: tf.Tensor,
        gamma: tf.Tensor,
        condition: dict[str, tf.Tensor],
        dropout_seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        noisy = self.parametrization.network_input(x_gamma, condition["prediction"], gamma[:, None, None, None])
        return self.unet(tf.concat([noisy, blurry], axis=-1), tf.sqrt(gamma), dropout_seed=dropout_seed)

    def compute_losses(self, batch: Mapping[str, tf.Tensor], seeds: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        """Computes the diffusion loss, which trains both networks."""
        has_dropout = training and self.config.predictor.dropout
        dropout_seed = random.fold_in(seeds[:1], FIRST_FREE_RANDOM_USE)[0] if has_dropout else None
        condition = self.encode_condition(batch["blurry"], dropout_seed)
        return {"noise": self.noise_loss(batch, condition, seeds, training)}
