"""Named sampling settings ("fast", "balanced", "paper"), and the file with the presets that were measured for one model.

The number of evaluations beyond which quality no longer improves differs between models. A preset search
(`make bench-presets`) writes `presets.json` into the workdir:

    {"presets": {"balanced": {"purpose": "…", "changes": {"steps": 1, …}}, …}, "measured": …}

These presets replace those of the model class. `purpose` may be absent where the model class has a preset of the same name.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing
from collections.abc import Mapping
from typing import Any

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.storage import storage_path

if typing.TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer


@dataclasses.dataclass(frozen=True)
class Preset:
    """Named sampling settings.

    Attributes:
      purpose: what the preset is for.
      changes: {setting: value}, which replace the settings of the model's config.
      warning: why the preset does not suit the model; "": it does.
    """

    purpose: str
    changes: dict[str, Any]
    warning: str = ""

    def __str__(self) -> str:
        """Returns the purpose and the warning."""
        return f"{self.purpose}; {self.warning}" if self.warning else self.purpose

    @property
    def as_flags(self) -> str:
        """The same settings as flags of icdpm-deblur."""
        return " ".join(f"--{name}={value}" for name, value in self.changes.items())


# Presets of diffusion models. None of them corrects color drift (`icdpm.images.color_drift`): without drift the correction
# costs up to 0.1 dB PSNR.
SAMPLING_PRESETS = {
    "fast": Preset(
        "one network evaluation",
        {"sampler": "ancestral", "schedule": "log_snr", "steps": 1, "max_noise_variance": 0.99, "samples": 1},
    ),
    "balanced": Preset(
        "best quality for the time",
        {"sampler": "ancestral", "schedule": "log_snr", "steps": 2, "max_noise_variance": 0.99, "samples": 8},
    ),
    "paper": Preset(
        "the paper's sampler at a setting of its Table 10, with the mean of 8 samples (-SA)",
        {"sampler": "ancestral", "schedule": "linear_beta", "steps": 500, "max_noise_variance": 0.02, "samples": 8},
    ),
}

# Settings whose meaning depends on another one.
_DEPENDENT_SETTINGS = {"schedule": "max_noise_variance", "sampler": "eta"}


def apply_preset(presets: Mapping[str, Preset], name: str | None, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Combines a preset with settings that were given explicitly.

    Args:
      presets: {name: Preset} of the model.
      name: a name in `presets`, or None.
      changes: {setting: value}, which take precedence over the preset.

    Returns:
      {setting: value}: the changes to the settings of the model's config.

    Raises:
      IcdpmError: the preset does not exist.
    """
    if name is None:
        return dict(changes)
    if not presets:
        raise IcdpmError(f"This model has no presets. Received: preset={name!r}.")
    if name not in presets:
        raise IcdpmError(f"`preset` must be one of {', '.join(presets)}. Received: {name!r}.")
    combined = dict(presets[name].changes)
    for setting, dependent in _DEPENDENT_SETTINGS.items():
        if setting in changes and changes[setting] != combined.get(setting):
            combined.pop(dependent, None)
    return {**combined, **changes}


def read_presets(path: str | os.PathLike, model: ImageRestorer) -> dict[str, Preset]:
    """Reads the presets that were measured for a model.

    Args:
      path: the file, which may be absent.
      model: the model, which the settings must suit.

    Returns:
      {name: Preset}; {} if the file is absent.

    Raises:
      IcdpmError: the file is damaged, or holds settings that the model does not have.
    """
    path = storage_path(path)
    if not path.is_file():
        return {}
    presets, defaults = {}, model.default_presets(model.config)
    try:
        for name, entry in json.loads(path.read_text(encoding="utf-8"))["presets"].items():
            purpose = entry["purpose"] if "purpose" in entry else defaults[name].purpose
            presets[name] = Preset(str(purpose), dict(entry["changes"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IcdpmError(f"{path} is damaged. Delete it to use the presets of the model class.") from error
    for name, preset in presets.items():
        try:
            model.settings_of(model.config, **preset.changes)
        except (IcdpmError, TypeError) as error:
            raise IcdpmError(f"{path}: {name}: {error}") from error
    return presets


def write_presets(path: str | os.PathLike, presets: Mapping[str, Mapping[str, Any]], measured: Any) -> None:
    """Writes the presets that were measured for a model.

    Args:
      path: the file.
      presets: {name: {setting: value}}.
      measured: the measurements that they were chosen by; anything that JSON can hold.
    """
    content = {"presets": {name: {"changes": changes} for name, changes in presets.items()}, "measured": measured}
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
