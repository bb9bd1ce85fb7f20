"""The scale small: its data, errors for data that were not given, and its narrow networks."""

import json
from pathlib import Path

import numpy as np
import pytest

from icdpm.configs import config_names, load_config
from icdpm.errors import IcdpmError
from icdpm.images.reading import read_rgb
from icdpm.images.writing import write_image
from icdpm.models.config import check_config
from icdpm.models.settings import SamplingSettings
from icdpm_datasets.prepare.own_pairs import prepare_shake
from icdpm_experiments.paper.models import Variant
from icdpm_experiments.paper.runs import Runs
from icdpm_experiments.paper.small_scale import (
    EQUAL_COMPUTE_MODELS,
    SMALL_STEPS,
    KernelBlurredImages,
    SmallScale,
    scale_to_small,
)

ROOT = Path(__file__).parents[3]


def test_each_published_set_has_data_in_its_place(small_images):
    pairs = {"gopro": str(small_images / "averaged"), "reds": str(small_images / "reds")}
    scale = SmallScale(small_images, pairs, small_images / "kernels")
    assert scale.available_sets() == ["gopro", "realblur_j", "hide", "reds"]
    training = scale.training_pairs().description
    assert "85.0% 2 photos in" in training and "15.0% 1 photos in" in training and "averaged" not in training
    assert len(scale.validation_pairs()) == 6 and set(scale.test_pairs("gopro").names) <= set("012345")
    assert scale.label("hide") == "GoPro pairs (2)" and scale.label("reds") == "REDS pairs (2)"
    names = scale.test_pairs("realblur_j").names
    assert [name for name in names if name.startswith("kernels/")] == [f"kernels/{number}" for number in range(6)]
    scenes = [name.removeprefix("embedded/") for name in names[6:]]
    assert scenes and all(name.startswith(("night", "text")) for name in scenes)
    assert scale.target_pairs().names == ["1", "2"] and scale.test_pairs("realblur_j") is scale.test_pairs("realblur_j")


def test_kernel_blurred_images_are_those_of_icdpm_prepare(small_images, tmp_path):
    source, kernels = small_images / "photos/test", small_images / "kernels"
    images = KernelBlurredImages(source, kernels)
    prepare_shake(str(source), str(tmp_path / "prepared"), (3.0, 21.0), str(kernels))
    for index, name in enumerate(images.names):
        blurry, sharp = images.load(index)
        assert np.array_equal(blurry, read_rgb(tmp_path / f"prepared/blur/{name}.png"))
        assert np.array_equal(sharp, read_rgb(tmp_path / f"prepared/sharp/{name}.png"))
    bits = np.array([5, 9, 1])
    one, other = images.load_crop(0, 32, bits), images.load_crop(0, 32, bits)
    assert one[0].shape == one[1].shape == (32, 32, 3)
    assert np.array_equal(one[0], other[0]) and not np.array_equal(one[0], one[1])


def test_a_photo_among_the_kernels_is_an_error(small_images):
    folder = small_images / "kernels"
    assert SmallScale(small_images, {}, folder).record()["kernels"] == ["line"]
    write_image(folder / "photo.png", np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8))
    with pytest.raises(IcdpmError, match="photo.png is a photo, not a camera-shake kernel"):
        SmallScale(small_images, {}, folder).test_pairs("realblur_j")


def test_missing_data_are_named_by_their_variable(small_images, tmp_path):
    scale = SmallScale(small_images, {}, None)
    assert scale.available_sets() == ["gopro"]
    with pytest.raises(IcdpmError, match="SCALE=small needs PAIRS='gopro=FOLDER' here, for the set hide: GoPro pairs"):
        scale.test_pairs("hide")
    with pytest.raises(IcdpmError, match="SCALE=small needs KERNELS=FOLDER, .* for the set realblur_j"):
        scale.test_pairs("realblur_j")
    with pytest.raises(IcdpmError, match="KERNELS=FOLDER, .* for the target domain of Figure 9"):
        scale.target_pairs()
    with pytest.raises(IcdpmError, match="No data stand in for the set realblur_r"):
        scale.test_pairs("realblur_r")
    with pytest.raises(IcdpmError, match="The folder '' of training images does not exist. Set it with FOLDER=images"):
        SmallScale(None, {}, None)
    with pytest.raises(IcdpmError, match="SCALE=small needs the folder .*photos/train"):
        SmallScale(tmp_path, {}, None)
    with pytest.raises(IcdpmError, match="PAIRS at SCALE=small names gopro and reds. Received: other"):
        SmallScale(small_images, {"other": "x"}, None)


@pytest.mark.parametrize("variant", [name for name in config_names() if name.startswith("table")])
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


@pytest.mark.parametrize("variant", ["regression_l", "dvsr", "hidiff_gopro", "fig9_aligned", "fig9_unaligned"])
def test_a_small_variant_of_another_model_has_narrow_networks_and_the_shared_steps(variant):
    made, paper = check_config(scale_to_small(load_config(variant))), load_config(variant)
    assert (made.name, made.model) == (variant, paper.model)
    steps = {"hidiff": SMALL_STEPS // 2, "aligned_icdpm": SMALL_STEPS // 5}.get(made.model, SMALL_STEPS)
    assert made.run.steps == steps and made.optimizer.learning_rate_decay == (steps * 7 // 10, steps)
    assert made.data.batch == 12 and made.data.crop == 96 and made.data.repeat == 6 and not made.data.progressive_steps
    for name in {"unet", "predictor"} & set(made):
        assert 2 * made[name].channels == paper[name].channels and made[name].block == "naf"
    if made.model == "regression":
        assert made.regression.loss == load_config("small_naf").diffusion.loss == "l2"


def test_both_stages_of_hidiff_have_one_structure_at_the_small_scale():
    first, second = (scale_to_small(load_config(name)) for name in ("hidiff_gopro_stage1", "hidiff_gopro"))
    assert (first.prior.source, second.prior.source) == ("encoded", "diffused")
    assert first.transformer == second.transformer and first.encoder == second.encoder
    assert first.transformer.patch == 2 and first.precision == "mixed_bfloat16"


def test_results_name_the_given_folders_with_the_home_folder_abbreviated(small_images, monkeypatch):
    monkeypatch.setenv("HOME", str(small_images.parent))
    scale = SmallScale(small_images, {"reds": str(small_images / "reds")}, small_images / "kernels", 1)
    folders = {"FOLDER": "~/images", "PAIRS": "reds=~/images/reds", "KERNELS": "~/images/kernels"}
    assert scale.make_variables == {**folders, "SEEDS": 1}
    assert SmallScale(small_images).make_variables["SEEDS"] is None
    assert "~/images/photos/train" in scale.record()["training_data"]


def test_the_small_scale_records_its_images_and_seeds(small_images):
    scale = SmallScale(small_images, pairs={"gopro": str(small_images / "averaged")}, seeds=2)
    assert scale.available_sets() == ["gopro", "hide"] and len(scale.grid()) == 4
    record = scale.record()
    assert record["test_sets"]["hide"]["images"] == ["1", "2"] and record["training_seeds"] == [0, 1]
    # Training is validated on all held-out photos, which data.json of a run describes.
    assert len(scale.validation_pairs()) == 6 and scale.validation_pairs().description.endswith(
        "photos/test, blurred by motion"
    )
    assert scale.grid()[0] == SamplingSettings("ancestral", 1, 0.999, schedule="log_snr")


@pytest.mark.slow
def test_rows_of_equal_compute_take_the_flops_of_ours(small_images, tmp_path):
    rows = json.loads((ROOT / "results/table3_small.json").read_text(encoding="utf-8"))["rows"]
    gflop = {row["row"]: row["value"] for row in rows if row["metric"] == "GFLOP"}
    # HI-Diff's value is the mean of its stages; further steps are those of the second one.
    second_stage = Runs(SmallScale(small_images), None, tmp_path).step_flops("hidiff_gopro") / 1e9
    expected = {
        "UNet": SMALL_STEPS * gflop["Ours"] / gflop["UNet"],
        "DvSR": SMALL_STEPS * gflop["Ours"] / gflop["DvSR"],
        "HI-Diff": SMALL_STEPS / 2 + SMALL_STEPS * (gflop["Ours"] - gflop["HI-Diff"]) / second_stage,
    }
    for row, steps in expected.items():
        assert Variant.parse(EQUAL_COMPUTE_MODELS[f"{row}, compute of Ours"].variant).steps == round(steps, -2)
