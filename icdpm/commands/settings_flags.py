"""The flags that say how a photo is restored, of all commands that have to know."""

import dataclasses
import sys

from absl import app, flags

from icdpm.errors import IcdpmError
from icdpm.models.sampling_presets import SAMPLING_PRESETS
from icdpm.models.settings import SamplingSettings

FLAGS = flags.FLAGS
_SAMPLING = "Of models that draw samples: "
flags.DEFINE_string(
    "preset",
    None,
    "Settings by a name, of models that have any; what is given besides goes first. A model may have its own (presets.json in "
    "its workdir; the packaged one has). "
    + _SAMPLING
    + "; ".join(f"{name}, {preset.purpose}: {preset.as_flags}" for name, preset in SAMPLING_PRESETS.items())
    + ".",
)


def _define(field):
    """The flag of a setting: what it may hold is said there."""
    constraints = field.metadata["constraints"]
    text = f"{_SAMPLING}{field.metadata['help']}. Default: what the model's config says."
    if constraints.choices:
        flags.DEFINE_enum(field.name, None, list(constraints.choices), text)
    else:
        define = {"int": flags.DEFINE_integer, "float": flags.DEFINE_float}[field.type]
        define(field.name, None, text, constraints.minimum, constraints.maximum)


# Systems that answer at once have none.
SETTINGS = tuple(field.name for field in dataclasses.fields(SamplingSettings))
for _field in dataclasses.fields(SamplingSettings):
    _define(_field)
flags.DEFINE_integer("seed", 0, "Seed of the samples: the same one gives the same result.", 0, 2**63 - 1)


def given_changes():
    """What the flags change of a model's settings, as `icdpm.models.image_restorer.ImageRestorer.settings` takes it."""
    return {name: FLAGS[name].value for name in ("preset", *SETTINGS)}


def chosen_settings(model):
    """The settings of a model that the flags choose; warns of a preset that is not for it.

    Raises app.UsageError where the model does not have them.
    """
    try:
        settings = model.settings(**given_changes())
    except IcdpmError as error:
        raise app.UsageError(str(error)) from error
    if FLAGS.preset and (warning := model.sampling_presets[FLAGS.preset].warning):
        print(f"warning: --preset={FLAGS.preset}: {warning}", file=sys.stderr)
    return settings
