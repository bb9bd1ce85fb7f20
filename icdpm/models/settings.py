"""How a picture is restored, besides with which model and where it goes. Nothing here needs TensorFlow.

Each system has a class of settings, a dataclass. What may be said of a field is said once, in its metadata: flags, configs and
the settings themselves are checked by it.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import typing

from icdpm.diffusion import MIN_NOISE_VARIANCE, SAMPLERS, SCHEDULES
from icdpm.errors import IcdpmError


@dataclasses.dataclass(frozen=True)
class Setting:
    """What may be said of a field.

    Attributes:
      help: what it is, for people.
      choices: names that it may hold; or
      low, high: its range, both ends included.
    """

    help: str
    choices: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf

    def check(self, name, value, kind):
        """Raises IcdpmError where the field `name` may not hold a value; `kind` is its type: str, int or float."""
        if self.choices:
            if value not in self.choices:
                raise IcdpmError(f"there is no {name} {value!r}; there are {', '.join(self.choices)}")
            return
        whole = kind is int
        is_one = isinstance(value, numbers.Integral if whole else numbers.Real) and not isinstance(value, bool)
        # `not` also refuses NaN.
        if not is_one or not self.low <= value <= self.high:
            what = "a whole number" if whole else "a number"
            raise IcdpmError(f"{name} is {value!r}; it must be {what} {self._range()}")

    def _range(self):
        return f"from {self.low:g}" + (f" to {self.high:g}" if self.high < math.inf else "")


def setting(help, default=dataclasses.MISSING, **limits):
    """A field of settings."""
    return dataclasses.field(default=default, metadata={"setting": Setting(help, **limits)})


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of systems that answer at once: there is nothing to choose.

    Attributes:
      samples: how many sharp pictures are drawn and averaged.
      evaluations: how often a network is evaluated for a picture, whole.

    Raises:
      IcdpmError: a setting is not what it may be.
    """

    samples = 1
    evaluations = 1

    def __post_init__(self):
        kinds = typing.get_type_hints(type(self))  # `field.type` is a string or a type, as its module is written
        for field in dataclasses.fields(self):
            field.metadata["setting"].check(field.name, getattr(self, field.name), kinds[field.name])
        self._check_together()

    def _check_together(self):
        """Raises IcdpmError where settings do not fit each other."""

    def __str__(self):
        """In words, but for the samples."""
        return "at once"


@dataclasses.dataclass(frozen=True)
class SamplingSettings(Settings):
    """Settings of systems that draw samples by diffusion."""

    sampler: str = setting(
        "how the noise is taken away; dpmpp_2m and dpmpp_2m_sde are for the schedule log_snr", choices=SAMPLERS
    )
    steps: int = setting("evaluations of the network per sample", low=1, high=100_000)
    max_noise_variance: float = setting(
        "of linear_beta the largest noise variance of a step, of log_snr that of the start", low=1e-6, high=0.99999
    )
    samples: int = setting(
        "samples to average ('-SA' of the paper: several): one has the finest texture, the mean of eight the least error",
        1,
        low=1,
        high=100_000,
    )
    schedule: str = setting(
        "how the noise levels are spaced: the paper's linear_beta, or for few steps log_snr", "linear_beta", choices=SCHEDULES
    )
    eta: float = setting("noise of the sampler ddim: 0 none, 1 that of ancestral", 0.0, low=0.0, high=1.0)

    @property
    def evaluations(self):
        """Of the network, for a picture."""
        return self.steps * self.samples

    def _check_together(self):
        if self.eta and self.sampler != "ddim":
            raise IcdpmError(f"the sampler {self.sampler} has no eta; only ddim has")
        if self.schedule == "log_snr" and self.max_noise_variance <= MIN_NOISE_VARIANCE:
            raise IcdpmError(
                f"max_noise_variance is {self.max_noise_variance}; with the schedule log_snr, which ends at "
                f"{MIN_NOISE_VARIANCE:g}, it must be above that"
            )

    def __str__(self):
        eta = f" η {self.eta:g}" if self.eta else ""
        return f"{self.sampler}{eta}, {self.steps} steps, {self.schedule} {self.max_noise_variance:g}"

    def changed(self, **changes):
        """These settings with some of them changed.

        Raises:
          IcdpmError: the schedule changes without its `max_noise_variance`, which means another thing there; or as of
            `Settings`.
        """
        schedule = changes.get("schedule", self.schedule)
        if schedule in SCHEDULES and schedule != self.schedule and "max_noise_variance" not in changes:
            raise IcdpmError(
                f"the schedule {schedule} needs a max_noise_variance of its own: the model's, "
                f"{self.max_noise_variance:g}, is meant for {self.schedule}"
            )
        if changes.get("sampler", self.sampler) != self.sampler:
            changes.setdefault("eta", 0.0)
        return dataclasses.replace(self, **changes)


@dataclasses.dataclass(frozen=True)
class Preset:
    """Settings by a name that says what they are for.

    Attributes:
      purpose: what it is for.
      changes: to a model's own settings.
      warning: why it is not for a model, a clause; or "".
    """

    purpose: str
    changes: dict
    warning: str = ""

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {"purpose": self.purpose, "changes": dict(self.changes), "warning": self.warning}

    def __str__(self):
        """What it is for, and is not."""
        return f"{self.purpose}; {self.warning}" if self.warning else self.purpose

    @property
    def as_flags(self):
        """What it stands for, as flags of icdpm-deblur."""
        return " ".join(f"--{name}={value}" for name, value in self.changes.items())


# Of diffusion models; a model may have its own in their place (`icdpm.models.sampling_presets`). None takes out drift of
# colour (`icdpm.images.color_drift`): where there is next to none it costs up to 0.1 dB PSNR.
SAMPLING_PRESETS = {
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


def with_preset(presets, preset, given):
    """The changes to a model's settings that a preset and what was given besides stand for together.

    Args:
      presets: {name: Preset} of the model.
      preset: a name among them, or None.
      given: {setting: value}, which go before the preset's.

    Raises:
      IcdpmError: there is no such preset.
    """
    if preset is None:
        return dict(given)
    if not presets:
        raise IcdpmError(f"there is no preset {preset!r} for this model: it has no presets")
    if preset not in presets:
        raise IcdpmError(f"there is no preset {preset!r}; there are {', '.join(presets)}")
    changes = dict(presets[preset].changes)
    for name, dependent in _GOES_WITH.items():
        if name in given and given[name] != changes.get(name):
            changes.pop(dependent, None)
    return {**changes, **given}
