"""Model classes by name, and models from configs and .keras files."""

from __future__ import annotations

import importlib
import json
import os
import typing
import zipfile

import ml_collections
import tensorflow as tf

from icdpm.errors import IcdpmError, summarize_error
from icdpm.keras import KERAS_3, keras

if typing.TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer

# {value of `config.model`: module:class}.
MODELS = {
    "icdpm": "icdpm.models.icdpm:ICDPM",
    "aligned_icdpm": "icdpm.models.icdpm:AlignedICDPM",
    "dvsr": "icdpm.models.dvsr:DvSR",
    "regression": "icdpm.models.regression:Regression",
    "hidiff": "icdpm.models.hidiff:HIDiff",
}


def model_class(name: str) -> type[ImageRestorer]:
    """Returns the class of a model.

    Args:
      name: a key of `MODELS`, or 'package.module:Class' of any subclass of `icdpm.models.image_restorer.ImageRestorer`.

    Raises:
      IcdpmError: the name is unknown, or its module cannot be imported.
    """
    module, colon, attribute = str(MODELS.get(name, name)).partition(":")
    if not colon:
        raise IcdpmError(f"`model` must be one of {', '.join(MODELS)}, or 'package.module:Class'. Received: {name!r}.")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise IcdpmError(f"The model {name} cannot be imported ({error}). Install the package that defines it.") from error
    # Not at the top of the module: models import the config module, which imports this one.
    from icdpm.models.image_restorer import ImageRestorer

    if not isinstance(found, type) or not issubclass(found, ImageRestorer):
        raise IcdpmError(f"The model {name} must be a subclass of icdpm.models.image_restorer.ImageRestorer.")
    return found


def build_model(config: ml_collections.ConfigDict) -> ImageRestorer:
    """Builds a model with new float32 weights, which follow from the config's seed.

    Args:
      config: a checked config.

    Raises:
      IcdpmError: the machine has too little memory for the weights.
    """
    try:
        model = model_class(config.model)(config)
        model.build()
        return model
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise IcdpmError(f"The networks of the config {config.name!r} are too large for this machine.") from error


def load_keras_file(path: str | os.PathLike) -> ImageRestorer:
    """Loads a model that its method `save` wrote.

    On Keras 3, `keras.models.load_model` finds only classes that have been imported. This function imports the class first.

    Args:
      path: a local file whose name ends in .keras.

    Raises:
      IcdpmError: the file does not exist, is damaged, is not that of an icdpm model, or was saved by the other Keras.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = json.loads(archive.read("config.json"))["config"]["config"]["model"]
            version = json.loads(archive.read("metadata.json"))["keras_version"]
    except FileNotFoundError as error:
        raise IcdpmError(f"{path} does not exist.") from error
    except (OSError, zipfile.BadZipFile, ValueError, LookupError, TypeError) as error:
        raise IcdpmError(f"{path} is not the .keras file of an icdpm model, or is damaged ({error}).") from error
    if version.startswith("3.") != KERAS_3:
        raise IcdpmError(
            f"{path} was saved by Keras {version}. Keras 2 (TensorFlow 2.15) and Keras 3 (2.20 and later) cannot load .keras "
            "files of the other. Workdirs of icdpm-train can be loaded by both."
        )
    model_class(name)
    try:
        return keras.models.load_model(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise IcdpmError(f"{path} is damaged ({summarize_error(error)}). Save or copy it again.") from error
