"""The scales: smaller ones keep the structure that the paper varies."""

import pytest

from icdpm.configs import config_names, load_config
from icdpm.models.config import check_config
from icdpm.models.settings import SamplingSettings
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_experiments.paper import ablations
from icdpm_experiments.paper.models import SAME, SECOND_STAGES
from icdpm_experiments.paper.scaled_configs import SMALL_STEPS, scale_to_small
from icdpm_experiments.paper.scales import MicroScale, PaperScale, make_scale

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


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_small_variant_has_its_structure_and_the_recipe_of_small_naf(variant):
    made, paper, recipe = check_config(scale_to_small(load_config(variant))), load_config(variant), load_config("small_naf")
    assert 2 * made.unet.channels == paper.unet.channels and 2 * made.guidance.channels == paper.guidance.channels
    assert made.unet.concat_blurry == paper.unet.concat_blurry
    assert all(made.unet[field] == recipe.unet[field] for field in ("block", "patch", "multipliers", "blocks"))
    assert all(made.guidance[field] == paper.guidance[field] for field in ("scales", "color", "route"))
    assert made.guidance.middle_blocks == recipe.guidance.middle_blocks
    assert (made.optimizer.noise_loss_ramp == 0) == (paper.optimizer.noise_loss_ramp == 0)
    assert made.sampling == recipe.sampling and made.diffusion == recipe.diffusion
    assert made.optimizer.learning_rate == recipe.optimizer.learning_rate
    assert made.optimizer.learning_rate_decay[1] == made.run.steps < recipe.run.steps


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


def test_only_realblur_is_aligned():
    assert PaperScale().alignment("realblur_j") == "ecc" and PaperScale().alignment("gopro") == "none"
    assert MicroScale().alignment("realblur_j") == "none"
    assert len(PaperScale().grid()) == 19


@pytest.mark.parametrize("variant", ["regression_l", "dvsr", "hidiff_gopro", "fig9_aligned", "fig9_unaligned"])
def test_a_small_variant_of_another_model_has_narrow_networks_and_the_shared_steps(variant):
    made, paper = check_config(scale_to_small(load_config(variant))), load_config(variant)
    assert (made.name, made.model) == (variant, paper.model)
    steps = {"hidiff": SMALL_STEPS // 2, "aligned_icdpm": SMALL_STEPS // 5}.get(made.model, SMALL_STEPS)
    assert made.run.steps == steps and made.optimizer.learning_rate_decay == (steps * 7 // 10, steps)
    assert made.data.batch == 12 and made.data.crop == 96 and made.data.repeat == 6 and not made.data.progressive_steps
    for name in {"unet", "predictor"} & set(made):
        assert 2 * made[name].channels == paper[name].channels and made[name].block == "naf"


def test_both_stages_of_hidiff_have_one_structure_at_the_small_scale():
    first, second = (scale_to_small(load_config(name)) for name in ("hidiff_gopro_stage1", "hidiff_gopro"))
    assert (first.prior.source, second.prior.source) == ("encoded", "diffused")
    assert first.transformer == second.transformer and first.encoder == second.encoder
    assert first.transformer.patch == 2 and first.precision == "mixed_bfloat16"


def test_results_name_the_given_folders_with_the_home_folder_abbreviated(small_pictures, monkeypatch):
    monkeypatch.setenv("HOME", str(small_pictures.parent))
    scale = make_scale("small", None, small_pictures, {"reds": str(small_pictures / "reds")}, small_pictures / "kernels", 1)
    folders = {"FOLDER": "~/pictures", "PAIRS": "reds=~/pictures/reds", "KERNELS": "~/pictures/kernels"}
    assert scale.make_variables == {**folders, "SEEDS": 1}
    assert make_scale("small", folder=small_pictures).make_variables["SEEDS"] is None
    assert PaperScale(small_pictures).make_variables == {"DATA_DIR": "~/pictures"}
    assert "~/pictures/photos/train" in scale.record()["training_data"]


def test_the_small_scale_records_its_images_and_seeds(small_pictures):
    scale = make_scale("small", folder=small_pictures, pairs={"gopro": str(small_pictures / "averaged")}, seeds=2)
    assert scale.available_sets() == ["gopro", "hide"] and len(scale.grid()) == 4
    record = scale.record()
    assert record["test_sets"]["hide"]["images"] == ["1", "2"] and record["training_seeds"] == [0, 1]
    # Training is validated on all held-out photos, which data.json of a run describes.
    assert len(scale.validation_pairs()) == 6 and scale.validation_pairs().description.endswith(
        "photos/test, blurred by motion"
    )
    assert scale.grid()[0] == SamplingSettings("ancestral", 1, 0.999, schedule="log_snr")
