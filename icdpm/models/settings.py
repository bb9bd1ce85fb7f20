"""Settings of a restoration: the sampler, its steps, its noise levels and the number of samples. Does not import TensorFlow.

Each model class has a class of settings. The help text and the constraints of a setting are in the metadata of its dataclass
field; command-line flags, configs and the settings themselves all use them.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from icdpm.diffusion import MIN_NOISE_VARIANCE, SAMPLERS, SCHEDULES
from icdpm.errors import IcdpmError
from icdpm.models.constraints import FieldConstraints


def setting(help: str, default: Any = dataclasses.MISSING, **limits: Any) -> Any:
    """Returns a dataclass field for a setting.

    Args:
      help: the help text of its command-line flag.
      default: its default value, if any.
      **limits: arguments of `FieldConstraints`.
    """
    return dataclasses.field(default=default, metadata={"help": help, "constraints": FieldConstraints(**limits)})


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of models that restore with one evaluation of their network. They have no fields.

    Subclasses are frozen dataclasses whose fields are made by `setting`.

    Attributes:
      samples: number of restored images that are drawn and averaged.

    Raises:
      IcdpmError: a setting violates its constraints.
    """

    samples = 1

    @property
    def evaluations(self) -> int:
        """Number of network evaluations for one image."""
        return 1

    def __post_init__(self) -> None:
        kinds = typing.get_type_hints(type(self))  # `field.type` is a string under postponed annotations
        for field in dataclasses.fields(self):
            field.metadata["constraints"].check(field.name, getattr(self, field.name), kinds[field.name])
        self._check_combination()

    def _check_combination(self) -> None:
        """Raises IcdpmError for settings that contradict each other."""

    def __str__(self) -> str:
        """Returns the settings in words, without the number of samples."""
        return "at once"  # part of the names of folders with restored images


@dataclasses.dataclass(frozen=True)
class SamplingSettings(Settings):
    """Settings of diffusion models."""

    sampler: str = setting("sampler; dpmpp_2m and dpmpp_2m_sde are for the schedule log_snr", choices=SAMPLERS)
    steps: int = setting("network evaluations per sample", minimum=1, maximum=100_000)
    max_noise_variance: float = setting(
        "linear_beta: the largest β_t; log_snr: 1 − γ at the first step", minimum=1e-6, maximum=0.99999
    )
    samples: int = setting(
        "samples to average (the paper's '-SA' averages several); one sample has the finest texture, the mean of eight the "
        "smallest error",
        1,
        minimum=1,
        maximum=100_000,
    )
    schedule: str = setting(
        "spacing of the noise levels: linear_beta is the paper's, log_snr is for few steps", "linear_beta", choices=SCHEDULES
    )
    eta: float = setting("DDIM's η (0: deterministic, 1: as ancestral)", 0.0, minimum=0.0, maximum=1.0)

    @property
    def evaluations(self) -> int:
        """Number of network evaluations for one image."""
        return self.steps * self.samples

    def _check_combination(self) -> None:
        if self.eta and self.sampler != "ddim":
            raise IcdpmError(f"`eta` must be 0 for the sampler {self.sampler}; only ddim has eta. Received: {self.eta}.")
        if self.schedule == "log_snr" and self.max_noise_variance <= MIN_NOISE_VARIANCE:
            raise IcdpmError(
                f"`max_noise_variance` must be above {MIN_NOISE_VARIANCE:g}, where the schedule log_snr ends. "
                f"Received: {self.max_noise_variance}."
            )

    def __str__(self) -> str:
        eta = f" η {self.eta:g}" if self.eta else ""
        return f"{self.sampler}{eta}, {self.steps} steps, {self.schedule} {self.max_noise_variance:g}"

    def changed(self, **changes: Any) -> SamplingSettings:
        """Returns a copy with some settings changed.

        Args:
          **changes: the new values.

        Raises:
          IcdpmError: a value violates its constraints, or `schedule` changes without `max_noise_variance`, whose meaning
            depends on the schedule.
        """
        schedule = changes.get("schedule", self.schedule)
        if schedule in SCHEDULES and schedule != self.schedule and "max_noise_variance" not in changes:
            raise IcdpmError(
                f"The schedule {schedule} needs its own `max_noise_variance`: the model's value, {self.max_noise_variance:g}, "
                f"is for {self.schedule}."
            )
        if changes.get("sampler", self.sampler) != self.sampler:
            changes.setdefault("eta", 0.0)
        return dataclasses.replace(self, **changes)
