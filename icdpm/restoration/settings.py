"""How a photo is restored, besides with which model and where it goes."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a restoration.

    Attributes:
      sampler: a name in `icdpm.diffusion.samplers.SAMPLERS`.
      steps: evaluations of the network a sample.
      max_noise_variance: of the schedule (`icdpm.diffusion.schedules.inference_levels`).
      samples: how many samples are averaged ("-SA" of arXiv 2212.01789: several).
    """

    sampler: str
    steps: int
    max_noise_variance: float
    samples: int = 1


def settings_of(config, **changes):
    """The settings that a model's config asks for, with some of them changed; None leaves a setting as it is."""
    settings = Settings(**config.sampling.to_dict())
    return dataclasses.replace(settings, **{name: value for name, value in changes.items() if value is not None})
