"""icDPM with its guidance features aligned between two domains (Fig. 9 of arXiv 2212.01789, where it hurt)."""

import ml_collections
import tensorflow as tf

from icdpm.keras import keras
from icdpm.models.icdpm import ICDPM
from icdpm.models.rules import Rules
from icdpm.networks.discriminator import Discriminator


@keras.saving.register_keras_serializable(package="icdpm")
class AlignedICDPM(ICDPM):
    """A guided icDPM, further trained so that its features h_k of another domain's pictures look like those of its own.

    A discriminator for each scale learns to tell features of the source pairs from those of unlabelled target pictures; the
    guidance networks are trained against it with the non-saturating loss (Goodfellow et al. 2014), beside icDPM's own losses.
    Meant to begin with a trained icDPM (--start_from). The paper states neither the discriminator nor the weight.
    """

    title = "an aligned icDPM"
    needs_target = True
    rules = ICDPM.rules | Rules(may_be_zero={"alignment.weight"})

    @classmethod
    def add_fields(cls, config):
        super().add_fields(config)
        config.alignment = ml_collections.ConfigDict()
        config.alignment.weight = 0.01  # of the loss against the discriminators (assumed)
        config.alignment.channels = 64  # of the discriminators (assumed)

    def __init__(self, config, **options):
        super().__init__(config, **options)
        channels = self.config.alignment.channels
        self.discriminators = {k: Discriminator(channels, f"discriminator_{k}") for k in self.guidance_networks}

    def build_networks(self, blank):
        for k, (features, _) in self.encode_condition(blank).items():
            self.discriminators[k](tf.cast(features, tf.float32))
        super().build_networks(blank)

    loss_names = (*ICDPM.loss_names, "discriminator", "alignment")

    def compute_losses(self, batch, seeds, training):
        """icDPM's two and, in training, those of the discriminators and of the guidance networks against them."""
        losses = super().compute_losses(batch, seeds, training)
        if not training:
            return losses
        source, target = (self._features(batch[key]) for key in ("blurry", "target"))
        count = len(self.discriminators)
        told = against = 0.0
        for k, discriminator in self.discriminators.items():
            told += _distance(discriminator(tf.stop_gradient(source[k])), 1.0) / (2 * count)
            told += _distance(discriminator(tf.stop_gradient(target[k])), 0.0) / (2 * count)
            against += _distance(discriminator(target[k], frozen=True), 1.0) / count
        return {**losses, "discriminator": told, "alignment": against}

    def loss_weights(self, step):
        return {**super().loss_weights(step), "alignment": tf.constant(self.config.alignment.weight)}

    def _features(self, blurry):
        """{k: h_k in float32}."""
        return {k: tf.cast(features, tf.float32) for k, (features, _) in self.encode_condition(blurry).items()}


def _distance(logits, label):
    """The mean cross entropy between what a discriminator says and the label (1: source, 0: target)."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(tf.shape(logits), label), logits))
