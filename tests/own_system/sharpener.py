"""A system of one's own: a few convolutions that say what is to be added to the blurry image.

Its config, in a file of its own:

    from icdpm.systems.config import default_config

    def get_config():
        config = default_config("sharpener:Sharpener")
        config.sharpener.channels = 16
        return config

With this module where Python finds it,

    icdpm-train --config=sharpener_config.py --data=embedded --workdir=/tmp/sharpener
    icdpm-deblur photo.jpg --workdir=/tmp/sharpener

and so do icdpm-evaluate, icdpm-export and icdpm-serve; what is exported needs neither this module nor icdpm.
"""

import ml_collections
import tensorflow as tf

from icdpm.keras import keras
from icdpm.systems.system import System


class Sharpener(System):
    title = "a sharpener"
    description = "A few convolutions that say what is to be added to the blurry image."

    @classmethod
    def add_fields(cls, config):
        config.sharpener = ml_collections.ConfigDict()
        config.sharpener.channels = 8
        config.sharpener.layers = 3

    def __init__(self, config):
        super().__init__(config)
        widths = [config.sharpener.channels] * (config.sharpener.layers - 1) + [3]
        self.convolutions = [
            keras.layers.Conv2D(width, 3, padding="same", dtype=config.precision, name=f"convolution_{number}")
            for number, width in enumerate(widths)
        ]

    @property
    def reach(self):
        return len(self.convolutions)

    @property
    def bytes_per_pixel(self):
        return 3 * 4 * self.config.sharpener.channels + 64

    def denoise(self, x, blurry, gamma, conditions):
        features = blurry
        for number, convolution in enumerate(self.convolutions):
            features = convolution(tf.nn.relu(features) if number else features)
        return tf.clip_by_value(blurry + tf.cast(features, tf.float32), -1.0, 1.0)

    def losses(self, batch, seeds, training):
        restored = self.denoise(None, batch["blurry"], None, {})
        return {"charbonnier": tf.reduce_mean(tf.sqrt(tf.square(restored - batch["sharp"]) + 1e-6))}
