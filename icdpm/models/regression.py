"""Regression by a UNet ("UNet [59]" in Tables 4 and 5 of arXiv 2212.01789): one evaluation, no noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_collections
import tensorflow as tf

from icdpm.keras import keras
from icdpm.models import unets
from icdpm.models.constraints import FieldConstraints
from icdpm.models.image_restorer import ImageRestorer

_DISTANCES = {"l1": tf.abs, "l2": tf.square}


@keras.saving.register_keras_serializable(package="icdpm")
class Regression(ImageRestorer):
    """UNet that predicts the mean (L2) or median (L1) sharp image in one evaluation."""

    title = "Regression"
    description = "A UNet that regresses the sharp image from the blurry one in one evaluation."
    constraints = {**unets.section_constraints("unet"), "regression.loss": FieldConstraints(choices=tuple(_DISTANCES))}
    loss_names = ("regression",)

    @classmethod
    def add_fields(cls, config: ml_collections.ConfigDict) -> None:
        config.unet = unets.default_section()
        config.regression = ml_collections.ConfigDict()
        config.regression.loss = "l1"  # l1 (assumed) or l2
        config.regression.residual = True  # the network predicts sharp − blurry (assumed)

    @classmethod
    def check(cls, config: ml_collections.ConfigDict) -> None:
        unets.check_section(config, "unet")

    @classmethod
    def size_multiple_for(cls, config: ml_collections.ConfigDict) -> int:
        return unets.size_multiple(config.unet)

    def __init__(self, config: ml_collections.ConfigDict | Mapping, **options: Any) -> None:
        super().__init__(config, **options)
        self.unet = unets.make_network(self.config.unet, self.config.precision, embedded=False)

    @property
    def receptive_field_radius(self) -> int:
        return self.unet.receptive_field_radius

    @property
    def tile_overlap(self) -> int:
        return unets.tile_overlap(self.config.unet, self.receptive_field_radius, self.size_multiple)

    @property
    def bytes_per_pixel(self) -> float:
        return self.unet.bytes_per_pixel

    def estimate(self, blurry: tf.Tensor, dropout_seed: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the network's estimate of the sharp images, not clipped.

        Args:
          blurry: the blurry images.
          dropout_seed: a stateless seed, two integers, in training, None at inference.
        """
        output = self.unet(blurry, None, dropout_seed=dropout_seed)
        return blurry + output if self.config.regression.residual else output

    def denoise(self, x: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor, condition: Any) -> tf.Tensor:
        return tf.clip_by_value(self.estimate(blurry), -1.0, 1.0)

    def compute_losses(self, batch: Mapping[str, tf.Tensor], seeds: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        """Computes the mean distance between the estimate and the sharp images."""
        dropout_seed = tf.cast(seeds[0], tf.int32) if training and self.config.unet.dropout else None
        distance = _DISTANCES[self.config.regression.loss]
        return {"regression": tf.reduce_mean(distance(self.estimate(batch["blurry"], dropout_seed) - batch["sharp"]))}
