"""UNet regression ("UNet [59]" of Tables 4 and 5 of arXiv 2212.01789): the denoiser's network, one pass, no noise."""

import ml_collections
import tensorflow as tf

from icdpm.keras import keras
from icdpm.models.image_restorer import ImageRestorer
from icdpm.models.rules import Rules
from icdpm.models.unets import check_unet, make_unet, tile_margin, unet_factor, unet_fields, unet_rules

_DISTANCES = {"l1": tf.abs, "l2": tf.square}


@keras.saving.register_keras_serializable(package="icdpm")
class Regression(ImageRestorer):
    """A UNet that is trained for the mean sharp image, or its median, and gives it at once."""

    title = "a regression"
    description = "A UNet that regresses the sharp image from the blurry one, in one pass."
    rules = unet_rules("unet") | Rules(choices={"regression.loss": tuple(_DISTANCES)})

    @classmethod
    def add_fields(cls, config):
        config.unet = unet_fields()
        config.regression = ml_collections.ConfigDict()
        config.regression.loss = "l1"  # l1 (assumed) or l2
        config.regression.residual = True  # the network says what is to be added to the blurry image (assumed)

    @classmethod
    def check(cls, config):
        check_unet(config, "unet")

    @classmethod
    def size_multiple_for(cls, config):
        return unet_factor(config.unet)

    def __init__(self, config, **options):
        super().__init__(config, **options)
        config = self.config
        self.unet = make_unet(config.unet, config.precision, embedded=False)

    @property
    def receptive_field_radius(self):
        return self.unet.receptive_field_radius

    @property
    def tile_overlap(self):
        return tile_margin(self.config.unet, self.receptive_field_radius, self.size_multiple)

    @property
    def bytes_per_pixel(self):
        return self.unet.bytes_per_pixel

    def estimate(self, blurry, dropout_seed=None):
        """The sharp images as the network says them, not clipped."""
        output = self.unet(blurry, None, dropout_seed=dropout_seed)
        return blurry + output if self.config.regression.residual else output

    def denoise(self, x, blurry, gamma, conditions):
        return tf.clip_by_value(self.estimate(blurry), -1.0, 1.0)

    loss_names = ("regression",)

    def compute_losses(self, batch, seeds, training):
        """One loss: the mean distance of the estimate from the sharp images."""
        dropout_seed = tf.cast(seeds[0], tf.int32) if training and self.config.unet.dropout else None
        distance = _DISTANCES[self.config.regression.loss]
        return {"regression": tf.reduce_mean(distance(self.estimate(batch["blurry"], dropout_seed) - batch["sharp"]))}
