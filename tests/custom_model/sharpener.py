"""A custom model: a few convolutions whose output is added to the blurry image.

Its config is a separate file:

    from icdpm.models.config import default_config

    def get_config():
        config = default_config("sharpener:Sharpener")
        config.sharpener.channels = 16
        return config

If Python finds this module, all commands accept the model:

    icdpm-train --config=sharpener_config.py --data=embedded --workdir=/tmp/sharpener
    icdpm-deblur photo.jpg --workdir=/tmp/sharpener

The exported model needs neither this module nor icdpm.
"""

import ml_collections
import tensorflow as tf

from icdpm.keras import keras
from icdpm.models.image_restorer import ImageRestorer
from icdpm.networks.layers import convolution


@keras.saving.register_keras_serializable(package="sharpener")
class Sharpener(ImageRestorer):
    title = "Sharpener"
    description = "A few convolutions that predict the difference between the sharp and the blurry image."
    loss_names = ("charbonnier",)

    @classmethod
    def add_fields(cls, config):
        config.sharpener = ml_collections.ConfigDict()
        config.sharpener.channels = 8
        config.sharpener.layers = 3

    def __init__(self, config, **options):
        super().__init__(config, **options)
        config = self.config
        widths = [config.sharpener.channels] * (config.sharpener.layers - 1) + [3]
        self.convolutions = [
            convolution(width, 3, config.precision, f"convolution_{number}") for number, width in enumerate(widths)
        ]

    @property
    def receptive_field_radius(self):
        return len(self.convolutions)

    @property
    def bytes_per_pixel(self):
        return 3 * 4 * self.config.sharpener.channels + 64

    def denoise(self, x, blurry, gamma, condition):
        features = blurry
        for number, layer in enumerate(self.convolutions):
            features = layer(tf.nn.relu(features) if number else features)
        return tf.clip_by_value(blurry + tf.cast(features, tf.float32), -1.0, 1.0)

    def compute_losses(self, batch, seeds, training):
        restored = self.denoise(None, batch["blurry"], None, {})
        return {"charbonnier": tf.reduce_mean(tf.sqrt(tf.square(restored - batch["sharp"]) + 1e-6))}
