"""Systems by name."""

import importlib

import tensorflow as tf

from icdpm.errors import IcdpmError

SYSTEMS = {
    "icdpm": "icdpm.models.icdpm:ICDPM",
    "aligned_icdpm": "icdpm.models.aligned_icdpm:AlignedICDPM",
    "dvsr": "icdpm.models.dvsr:DvSR",
    "regression": "icdpm.models.regression:Regression",
    "hidiff": "icdpm.models.hidiff:HIDiff",
}


def model_class(name):
    """The class of a system.

    Args:
      name: one of `SYSTEMS`, or package.module:Class of anybody's `icdpm.models.image_restorer.ImageRestorer`.

    Raises:
      IcdpmError: there is no such system, or its module fails.
    """
    module, colon, attribute = str(SYSTEMS.get(name, name)).partition(":")
    if not colon:
        raise IcdpmError(f"there is no model {name!r}; there are {', '.join(SYSTEMS)}, and package.module:Class of your own")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise IcdpmError(f"the model {name} cannot be imported ({error}); is its package installed?") from error
    # Not at the top: systems are made of configs, which look here what they are of.
    from icdpm.models.image_restorer import ImageRestorer

    if not isinstance(found, type) or not issubclass(found, ImageRestorer):
        raise IcdpmError(f"the model {name} is not a class of icdpm.models.image_restorer.ImageRestorer")
    return found


def build_model(config):
    """Returns the model of a checked config with new weights, in float32, which follow the config's seed.

    Raises:
      IcdpmError: the machine cannot hold it.
    """
    try:
        model = model_class(config.model)(config)
        model.build()
        return model
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise IcdpmError(f"the config {config.name!r} asks for networks that are too large for this machine") from error


def settings_of(config, preset=None, **changes):
    """The settings of a restoration by a model of a config (`ImageRestorer.settings_of`); no model is made for it."""
    return model_class(config.model).settings_of(config, preset, **changes)
