"""Settings by names that say what they are for."""

from __future__ import annotations

import dataclasses

from icdpm.errors import IcdpmError


@dataclasses.dataclass(frozen=True)
class Preset:
    """Changes to a model's own settings.

    Attributes:
      purpose: what it is for.
      changes: of `icdpm.restoration.settings.settings_of`.
    """

    purpose: str
    changes: dict

    @property
    def as_flags(self):
        """What it stands for, as flags of icdpm-deblur."""
        return " ".join(f"--{name}={value}" for name, value in self.changes.items())


# None takes out drift of colour (`icdpm.photos.drift`): where there is next to none it costs up to 0.1 dB PSNR.
PRESETS = {
    "fast": Preset(
        "a look, in seconds",
        {"sampler": "ancestral", "schedule": "log_snr", "steps": 1, "max_noise_variance": 0.99, "samples": 1},
    ),
    "balanced": Preset(
        "the least error for the time",
        {"sampler": "ancestral", "schedule": "log_snr", "steps": 2, "max_noise_variance": 0.99, "samples": 8},
    ),
    "paper": Preset(
        "the paper's sampler, at a setting of its Table 10, and the mean of samples (-SA)",
        {"sampler": "ancestral", "schedule": "linear_beta", "steps": 500, "max_noise_variance": 0.02, "samples": 8},
    ),
}


# What of a preset means another thing once the other is changed.
_GOES_WITH = {"schedule": "max_noise_variance", "sampler": "eta"}


def changes_of(preset, **given):
    """The changes to a model's settings that a preset and what was given besides stand for together.

    Args:
      preset: a name in `PRESETS`, or None.
      **given: settings, which go before the preset's; None was not given.

    Raises:
      IcdpmError: there is no such preset.
    """
    if preset is not None and preset not in PRESETS:
        raise IcdpmError(f"there is no preset {preset!r}; there are {', '.join(PRESETS)}")
    given = {name: value for name, value in given.items() if value is not None}
    changes = dict(PRESETS[preset].changes) if preset else {}
    for name, dependent in _GOES_WITH.items():
        if name in given and given[name] != changes.get(name):
            changes.pop(dependent, None)
    return {**changes, **given}
