"""The scales: smaller ones keep the structure that the paper varies."""

import pytest

from icdpm.configs import config_names
from icdpm.models.config import check_config
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_experiments.paper import ablations
from icdpm_experiments.paper.models import SAME, SECOND_STAGES, ComparedModel
from icdpm_experiments.paper.scales import MicroScale, PaperScale, grid_settings

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
    # Any CPU has float32; the paper's recipe stays as it is.
    assert micro.precision == "float32" and paper.precision == "mixed_bfloat16"


@pytest.mark.parametrize("scale", [MicroScale(), PaperScale()])
@pytest.mark.parametrize(
    "row, source, guide, joint, first",
    [
        ("Baseline", "none", "hierarchical", True, None),
        ("Single-Guide", "diffused", "single", True, "hidiff_ablation_single_stage1"),
        ("Split-Training", "diffused", "hierarchical", False, "hidiff_ablation_stage1"),
        ("HI-Diff", "diffused", "hierarchical", True, "hidiff_ablation_stage1"),
    ],
)
def test_the_hidiff_ablation_varies_the_same_fields_at_both_scales(scale, row, source, guide, joint, first):
    variant = ablations.ABLATIONS["hidiff-ablation"].models[row].variant
    config = check_config(scale.config(variant))
    assert (config.prior.source, config.transformer.guide, config.prior.joint) == (source, guide, joint)
    assert SECOND_STAGES.get(variant) == first
    if first:
        encoder = scale.config(first)
        assert encoder.prior.source == "encoded" and encoder.prior.side == config.prior.side
        assert encoder.transformer == config.transformer


@pytest.mark.parametrize(
    "variant", ["regression_l", "regression_s", "dvsr", "dvsr_s", "fig9_aligned", "fig9_unaligned", "hidiff_gopro"]
)
def test_a_micro_variant_of_another_model_has_its_structure(variant):
    micro, paper = check_config(MicroScale().config(variant)), PaperScale().config(variant)
    assert (micro.name, micro.model) == (variant, paper.model)
    for name, section in paper.items():
        if hasattr(section, "channels"):
            assert 4 * micro[name].channels == section.channels, name
            assert micro[name].get("multipliers") == section.get("multipliers")
    assert micro.run.steps < 1000 < paper.run.steps


@pytest.mark.parametrize("scale", [MicroScale(), PaperScale()])
def test_variants_that_are_trained_once_have_equal_configs(scale):
    for one, other in SAME.items():
        configs = [scale.config(name) for name in (one, other)]
        assert [config.name for config in configs] == [one, other]
        configs[0].name = other
        assert configs[0] == configs[1]


def test_stand_ins_partition_the_embedded_test_images():
    scale, test = MicroScale(), EmbeddedPairs("test")
    sets = [scale.test_pairs(dataset) for dataset in ("gopro", "realblur_j", "reds", "hide")]
    assert sorted(name for pairs in sets for name in pairs.names) == sorted(test.names)
    first = sets[1]
    blurry, sharp = first.load(1)
    index = test.names.index(first.names[1])
    assert (blurry == test.blurry[index]).all() and (sharp == test.sharp[index]).all()
    assert len({scale.label(dataset) for dataset in ("gopro", "realblur_j", "reds", "hide")}) == 4


def test_results_name_the_records(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert PaperScale(tmp_path / "records").make_variables == {"DATA_DIR": "~/records"}


def test_only_realblur_is_aligned():
    assert PaperScale().alignment("realblur_j") == "ecc" and PaperScale().alignment("gopro") == "none"
    assert MicroScale().alignment("realblur_j") == "none"
    assert len(PaperScale().grid()) == 19


def test_table_10_has_19_settings():
    settings = grid_settings(samples=8)
    assert [(each.steps, each.max_noise_variance) for each in settings] == [
        (20, 0.5), (30, 0.5), (50, 0.2), (50, 0.5), (100, 0.1), (100, 0.2), (100, 0.5),
        (200, 0.05), (200, 0.1), (200, 0.2), (200, 0.5), (500, 0.02), (500, 0.05), (500, 0.1), (500, 0.2),
        (1000, 0.01), (1000, 0.02), (1000, 0.05), (1000, 0.1),
    ]  # fmt: skip
    assert {(each.sampler, each.schedule, each.samples) for each in settings} == {("ancestral", "linear_beta", 8)}


def test_seeds_and_numbers_of_steps_have_the_settings_of_their_config():
    settings = ComparedModel("table2_a", samples=2).settings(MicroScale())
    assert all(
        ComparedModel(f"table2_a{change}", samples=2).settings(MicroScale()) == settings
        for change in ("_seed1", "_steps9000", "_steps9000_seed1")
    )
