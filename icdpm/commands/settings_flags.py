"""Flags of the sampling settings, for all commands that restore photos."""

from __future__ import annotations

import dataclasses
import sys
import typing

from absl import app, flags

from icdpm.errors import IcdpmError
from icdpm.models.settings import SamplingSettings, Settings

if typing.TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer

FLAGS = flags.FLAGS
_DIFFUSION = "Diffusion models: "
flags.DEFINE_string(
    "preset",
    None,
    "Preset of sampling settings: fast, balanced or paper. Other flags override it. A model's presets.json may replace the "
    "values; the packaged model has 1 step and 1 sample for fast and balanced.",
)


def _define_flag(field: dataclasses.Field) -> None:
    constraints = field.metadata["constraints"]
    text = f"{_DIFFUSION}{field.metadata['help']}. Default: the value in the model's config."
    if constraints.choices:
        flags.DEFINE_enum(field.name, None, list(constraints.choices), text)
    else:
        define: typing.Any = {"int": flags.DEFINE_integer, "float": flags.DEFINE_float}[str(field.type)]
        define(field.name, None, text, constraints.minimum, constraints.maximum)


SETTINGS = tuple(field.name for field in dataclasses.fields(SamplingSettings))
for _field in dataclasses.fields(SamplingSettings):
    _define_flag(_field)
flags.DEFINE_integer("seed", 0, "Seed of the samples. The same seed gives the same result.", 0, 2**63 - 1)


def settings_from_flags(model: ImageRestorer) -> Settings:
    """Returns the sampling settings that the flags select, and prints the warning of a preset that does not fit the model.

    Raises:
      app.UsageError: the model does not support the settings.
    """
    try:
        settings = model.settings(**{name: FLAGS[name].value for name in ("preset", *SETTINGS)})
    except IcdpmError as error:
        raise app.UsageError(str(error)) from error
    if FLAGS.preset and (warning := model.sampling_presets[FLAGS.preset].warning):
        print(f"warning: --preset={FLAGS.preset}: {warning}", file=sys.stderr)
    return settings
