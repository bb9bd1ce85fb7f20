"""Models that the tables and figures compare, and how their variants depend on each other.

A variant is the name of a config, perhaps with another seed or number of steps (`Variant`). To add a row to Tables 3 to 6, add
a line to `DEBLURRING`: the row's name in the paper and its model. `PREFERENCE` has the rows of Table 7.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from icdpm.models.registry import model_class

AVERAGED = 8  # samples of the paper's "-SA" (assumed)
# Variants of different tables that are the same model. The published values of Table 8 (e) and Table 2 (c) disagree:
# `ablations.published_note`.
SAME = {"table8_a": "table2_a", "table8_e": "table2_c"}
# {second stage: first stage}.
SECOND_STAGES = {
    **{name: f"{name}_stage1" for name in ("hidiff_gopro", "hidiff_realblur", "hidiff_realblur_r", "hidiff_ablation_single")},
    **dict.fromkeys(("hidiff_ablation_split", "hidiff_ablation_full"), "hidiff_ablation_stage1"),
}
# {variant: training set} of the variants, and their first stages, that are not trained on GoPro.
TRAINED_ON = {
    f"{name}{stage}": dataset
    for name, dataset in (("hidiff_realblur", "realblur_j"), ("hidiff_realblur_r", "realblur_r"))
    for stage in ("", "_stage1")
}
# {variant: variant whose weights it starts from} of the variants that also see images of the target domain.
FINE_TUNED = {"fig9_aligned": "table2_c", "fig9_unaligned": "table2_c"}


class ComparedModel(NamedTuple):
    """A model of a table or figure, restored with the settings of its config.

    Attributes:
      variant: its config, perhaps with another seed or number of steps (`Variant`).
      samples: number of samples that are averaged for a restored image.
    """

    variant: str
    samples: int = 1

    def settings(self, scale):
        """Returns the `Settings` of its restorations at a scale."""
        samples = {} if self.samples == 1 else {"samples": self.samples}
        config = scale.config(Variant.parse(self.variant).config)  # neither seed nor number of steps change the settings
        return model_class(config.model).settings_of(config, **samples)

    def evaluations(self, scale) -> int:
        """Returns the number of network evaluations per image."""
        return self.settings(scale).evaluations


def prerequisite(variant: str) -> str | None:
    """Returns the variant that has to be trained before another, or None."""
    return SECOND_STAGES.get(variant) or FINE_TUNED.get(variant)


class Variant(NamedTuple):
    """A config's name, and what is changed in it.

    Attributes:
      config: name of the config.
      steps: number of training steps, or None for the config's.
      seed: seed of the training.
    """

    config: str
    steps: int | None = None
    seed: int = 0

    @classmethod
    def parse(cls, name: str) -> Variant:
        """Parses the name of a variant, such as table2_a, table2_a_seed1 or table2_a_steps9000_seed1."""
        match = re.fullmatch(r"(.+?)(?:_steps(\d+))?(?:_seed(\d+))?", name)
        assert match is not None  # every name matches
        config, steps, seed = match.groups()
        return cls(SAME.get(config, config), int(steps) if steps else None, int(seed or 0))

    def __str__(self) -> str:
        steps = "" if self.steps is None else f"_steps{self.steps}"
        return f"{self.config}{steps}{f'_seed{self.seed}' if self.seed else ''}"


UNGUIDED, GUIDED = ComparedModel("table2_b"), ComparedModel("table2_f")
# Tables 3 to 7 take the best point of the sampling sweep in place of the config's settings (`tables3to7`).
OURS = {"Ours-SA": GUIDED._replace(samples=AVERAGED), "Ours": GUIDED}
DVSR = ComparedModel("dvsr")
DEBLURRING = {"UNet": ComparedModel("regression_l"), "DvSR": DVSR, "DvSR-SA": DVSR._replace(samples=AVERAGED), **OURS}
PREFERENCE = {"DvSR": DVSR, "icDPM": UNGUIDED, **OURS}
HIDIFF_GOPRO = ComparedModel("hidiff_gopro")
