"""The Keras of the installed TensorFlow, and the differences between Keras 2 and Keras 3.

    from icdpm.keras import keras

TensorFlow 2.15 (Python 3.9 to 3.11) includes Keras 2; TensorFlow 2.20 and later (Python 3.12 and later) include Keras 3. Code
that depends on the version is in this module; other modules at most compare `KERAS_3`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

KERAS_3 = not tf.__version__.startswith("2.15.")
if KERAS_3:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            "icdpm needs the TensorFlow backend of Keras. Set the environment variable KERAS_BACKEND=tensorflow. "
            f"Received: {keras.backend.backend()!r}."
        )
else:
    keras = tf.keras

__all__ = ["KERAS_3", "add_float32_weight", "keras", "loss_scale", "optimizer_arguments", "tf_variable", "variable_name"]


def tf_variable(variable: Any) -> tf.Variable:
    """Returns the `tf.Variable` that holds the values of a variable of a Keras layer or optimizer."""
    return variable.value if KERAS_3 and not isinstance(variable, tf.Variable) else variable


def variable_name(variable: Any) -> str:
    """Returns the path of a variable within its model, such as 'unet/stem/kernel'."""
    return variable.path if KERAS_3 else variable.name.split(":")[0]


def add_float32_weight(layer: Any, name: str, shape: Sequence[int], initializer: Any) -> Any:
    """Adds a weight to a layer that remains float32 under a mixed-precision policy."""
    autocast = {"autocast": False} if KERAS_3 else {"experimental_autocast": False}
    return layer.add_weight(name=name, shape=shape, initializer=initializer, dtype="float32", **autocast)


def loss_scale(optimizer: Any) -> Any:
    """Returns the factor by which an optimizer divides the gradients that it applies, a number or a scalar tensor.

    Keras 3 expects the loss to be multiplied by it; Keras 2 divides the gradients in a method of its own.
    """
    return optimizer.scale_loss(1.0) if KERAS_3 and hasattr(optimizer, "scale_loss") else 1.0


def optimizer_arguments(learning_rate: Any) -> dict[str, Any]:
    """Returns the arguments with which Keras' base class of optimizers accepts a learning rate, if it does."""
    return {"learning_rate": learning_rate} if KERAS_3 else {}
