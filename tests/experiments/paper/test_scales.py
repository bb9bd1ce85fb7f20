"""The two scales, and that the small one keeps what the paper varies."""

import pytest

from icdpm.configs import config_names
from icdpm.systems.config import check_config
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_experiments.paper.runs import SAME
from icdpm_experiments.paper.scales import MicroScale, PaperScale

VARIANTS = [name for name in config_names() if name.startswith("table")]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_micro_variant_has_its_structure(variant):
    micro, paper = check_config(MicroScale().config(variant)), PaperScale().config(variant)
    assert micro.name == variant
    assert 4 * micro.unet.channels == paper.unet.channels and 4 * micro.guidance.channels == paper.guidance.channels
    assert all(micro.unet[field] == paper.unet[field] for field in ("concat_blurry", "multipliers"))
    assert all(micro.guidance[field] == paper.guidance[field] for field in ("scales", "color", "route"))
    assert (micro.optimizer.noise_loss_ramp == 0) == (paper.optimizer.noise_loss_ramp == 0)
    assert micro.run.steps < 1000 and paper.run.steps == 1_000_000


@pytest.mark.parametrize(
    "variant", ["regression_l", "regression_s", "dvsr", "dvsr_s", "fig9_aligned", "fig9_unaligned", "hidiff_gopro"]
)
def test_a_micro_variant_of_another_system_has_its_structure(variant):
    micro, paper = check_config(MicroScale().config(variant)), PaperScale().config(variant)
    assert (micro.name, micro.system) == (variant, paper.system)
    for name, section in paper.items():
        if hasattr(section, "channels"):
            assert 4 * micro[name].channels == section.channels, name
            assert micro[name].get("multipliers") == section.get("multipliers")
    assert micro.run.steps < 1000 < paper.run.steps


@pytest.mark.parametrize("scale", [MicroScale(), PaperScale()])
def test_variants_that_are_trained_once_are_the_same(scale):
    for one, other in SAME.items():
        configs = [scale.config(name) for name in (one, other)]
        assert [config.name for config in configs] == [one, other]
        configs[0].name = other
        assert configs[0] == configs[1]


def test_stand_ins_share_no_picture_and_leave_none_out():
    scale, test = MicroScale(), EmbeddedPairs("test")
    sets = [scale.test_pairs(dataset) for dataset in ("gopro", "realblur_j", "reds", "hide")]
    assert sorted(name for pairs in sets for name in pairs.names) == sorted(test.names)
    first = sets[1]
    blurry, sharp = first.load(1)
    index = test.names.index(first.names[1])
    assert (blurry == test.blurry[index]).all() and (sharp == test.sharp[index]).all()
    assert len({scale.label(dataset) for dataset in ("gopro", "realblur_j", "reds", "hide")}) == 4


def test_only_realblur_is_aligned():
    assert PaperScale().alignment("realblur_j") == "ecc" and PaperScale().alignment("gopro") == "none"
    assert MicroScale().alignment("realblur_j") == "none"
    assert len(PaperScale().grid()) == 19
