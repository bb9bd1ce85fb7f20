"""The models that the tables and figures compare: each a variant and how many of its samples are averaged.

A row that is made here is one line in `DEBLURRING` (tables 3 to 6) or `PREFERENCE` (table 7): its name, as the paper has it,
and its Model. The variant is the name of a config, of whatever system.
"""

from typing import NamedTuple

from icdpm.models.registry import settings_of

AVERAGED = 8  # samples of the paper's "-SA" (assumed)
# Variants of different tables that are one and the same model. The published values of Table 8 (e) and Table 2 (c) disagree:
# `table8.published_note`.
SAME = {"table8_a": "table2_a", "table8_e": "table2_c"}
# Variants that are the second stage of another.
SECOND_STAGES = {
    **{name: f"{name}_stage1" for name in ("hidiff_gopro", "hidiff_realblur", "hidiff_realblur_r", "hidiff_ablation_single")},
    **dict.fromkeys(("hidiff_ablation_split", "hidiff_ablation_full"), "hidiff_ablation_stage1"),
}
# What variants, and their first stages, are trained on where that is not GoPro.
TRAINED_ON = {
    f"{name}{stage}": dataset
    for name, dataset in (("hidiff_realblur", "realblur_j"), ("hidiff_realblur_r", "realblur_r"))
    for stage in ("", "_stage1")
}
# Variants that begin with the weights of another and are shown pictures of the target domain besides.
FINE_TUNED = {"fig9_aligned": "table2_c", "fig9_unaligned": "table2_c"}


class Model(NamedTuple):
    """What restores pictures, by its config's settings.

    Attributes:
      variant: name of its config.
      samples: how many samples a restored picture is the mean of.
    """

    variant: str
    samples: int = 1

    def settings(self, scale):
        """The `Settings` of its restorations at a scale."""
        samples = {} if self.samples == 1 else {"samples": self.samples}
        return settings_of(scale.config(self.variant), **samples)

    def evaluations(self, scale):
        """How often the network is evaluated for a picture."""
        return self.settings(scale).evaluations


UNGUIDED, GUIDED = Model("table2_b"), Model("table2_f")
# Tables 3 to 7 take the best point of the sampling sweep in place of the config's settings (`sampling_choice`).
OURS = {"Ours-SA": GUIDED._replace(samples=AVERAGED), "Ours": GUIDED}
DVSR = Model("dvsr")
DEBLURRING = {"UNet": Model("regression_l"), "DvSR": DVSR, "DvSR-SA": DVSR._replace(samples=AVERAGED), **OURS}
PREFERENCE = {"DvSR": DVSR, "icDPM": UNGUIDED, **OURS}
