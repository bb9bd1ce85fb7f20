"""How a photo is restored, besides with which model and where it goes."""

from __future__ import annotations

import dataclasses
import numbers

from icdpm.diffusion.samplers import SAMPLERS, make_plan
from icdpm.diffusion.schedules import SCHEDULES
from icdpm.errors import IcdpmError


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a restoration.

    Attributes:
      sampler: a name in `icdpm.diffusion.samplers.SAMPLERS`.
      steps: evaluations of the network a sample.
      max_noise_variance: where the schedule starts; what it is the variance of depends on the schedule (`make_plan`).
      samples: how many samples are averaged ("-SA" of arXiv 2212.01789: several).
      schedule: a name in `icdpm.diffusion.schedules.SCHEDULES`.
      eta: η of the sampler ddim, in [0, 1]; 0 with every other sampler.

    Raises:
      IcdpmError: a setting is none of these; or η is given to a sampler that has none.
    """

    sampler: str
    steps: int
    max_noise_variance: float
    samples: int = 1
    schedule: str = "linear_beta"
    eta: float = 0.0

    def __post_init__(self):
        for name, choices in (("sampler", SAMPLERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in choices:
                raise IcdpmError(f"there is no {name} {getattr(self, name)!r}; there are {', '.join(choices)}")
        for name in ("steps", "samples"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < 1:
                raise IcdpmError(f"{name} is {value!r}; it must be a whole number from 1")
        # `not` also refuses NaN.
        if not 0 < self.max_noise_variance < 1:
            raise IcdpmError(f"max_noise_variance is {self.max_noise_variance!r}; it must lie between 0 and 1")
        if not 0 <= self.eta <= 1:
            raise IcdpmError(f"eta is {self.eta!r}; it must lie in [0, 1]")
        if self.eta and self.sampler != "ddim":
            raise IcdpmError(f"the sampler {self.sampler} has no eta; only ddim has")

    @property
    def evaluations(self):
        """How many evaluations of the network a picture takes."""
        return self.steps * self.samples

    def plan(self):
        """The steps of a sample, as `icdpm.systems.icdpm.ICDPM.sample` takes them."""
        return make_plan(self.sampler, self.steps, self.max_noise_variance, self.schedule, self.eta)


def settings_of(config, **changes):
    """The settings that a model's config asks for, with some of them changed; None leaves a setting as it is.

    Raises:
      IcdpmError: the schedule changes without its `max_noise_variance`, which means another thing there; or as of Settings.
    """
    settings = Settings(**config.sampling.to_dict())
    changes = {name: value for name, value in changes.items() if value is not None}
    if changes.get("schedule", settings.schedule) != settings.schedule and "max_noise_variance" not in changes:
        raise IcdpmError(
            f"the schedule {changes['schedule']} needs a max_noise_variance of its own: the model's, "
            f"{settings.max_noise_variance:g}, is meant for {settings.schedule}"
        )
    if changes.get("sampler", settings.sampler) != settings.sampler:
        changes.setdefault("eta", 0.0)
    return dataclasses.replace(settings, **changes)
