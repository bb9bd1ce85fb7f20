"""The Keras that this project is written for: Keras 2, which lies in TensorFlow 2.15, and beside later ones as tf_keras.

    from icdpm.keras import keras

It is chosen by TensorFlow's version and not by TF_USE_LEGACY_KERAS, which would change the Keras of the whole process: one's
own Keras 3 beside this stays what it is.
"""

import tensorflow as tf

if tf.__version__.startswith("2.15."):
    keras = tf.keras
else:
    import tf_keras as keras

__all__ = ["keras"]
