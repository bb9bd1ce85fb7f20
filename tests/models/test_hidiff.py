"""HI-Diff: the prior, the two stages, and errors."""

import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from small_models import small_config

from icdpm.configs import config_names, load_config
from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.diffusion.tiling import LazyImage, make_tiling
from icdpm.errors import IcdpmError
from icdpm.images.pixels import pad_to_multiple
from icdpm.keras import variable_name
from icdpm.models import hidiff
from icdpm.models.config import check_config, config_to_json
from icdpm.models.registry import build_model, model_class
from icdpm.models.weights import load_fitting_weights, named_variables, save_weights
from icdpm.models.workdir import config_file, load, weights_file
from icdpm.networks.hidiff import row_strips
from icdpm.restoration.memory import choose_tiling, tile_memory
from icdpm.restoration.restore import restore
from icdpm.serving.loaded_models import TrainedModel

pytestmark = pytest.mark.slow


def micro(source="diffused", **prior):
    config = small_config("hidiff")
    config.name = f"micro_{source}"
    config.prior.update(source=source, **prior)
    config.chain.steps = 3
    return check_config(config)


def losses_and_gradients(model, batch):
    with tf.GradientTape() as tape:
        losses = model.compute_losses(batch, example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"]), training=True)
        total = tf.add_n(list(losses.values()))
    return losses, tape.gradient(total, model.trainable_variables)


@pytest.fixture(scope="module")
def second():
    return build_model(micro())


@pytest.mark.parametrize(
    "source, options, names, trained",
    [
        ("none", {}, {"deblurring"}, {"transformer"}),
        ("encoded", {}, {"deblurring"}, {"transformer", "latent_encoder"}),
        ("diffused", {}, {"deblurring", "prior"}, {"transformer", "condition_encoder", "denoiser"}),
        ("diffused", {"joint": False}, {"prior"}, {"condition_encoder", "denoiser"}),
    ],
)
def test_trained_networks_of_each_stage(source, options, names, trained, batch):
    model = build_model(micro(source, **options))
    losses, gradients = losses_and_gradients(model, batch)
    assert set(losses) == names and all(float(loss) > 0 for loss in losses.values())
    if source == "encoded":  # test_front_ends trains the second stage in a graph
        in_a_graph, _ = tf.function(losses_and_gradients, autograph=False)(model, batch)
        assert float(in_a_graph["deblurring"]) == pytest.approx(float(losses["deblurring"]), rel=1e-5)
    trained_names = list(named_variables(model))[: len(model.trainable_variables)]
    assert {name.partition("/")[0] for name in trained_names} == trained
    for variable, gradient in zip(model.trainable_variables, gradients):
        assert gradient is not None and np.isfinite(gradient).all(), variable_name(variable)
    networks = {name.partition("/")[0] for name in named_variables(model)}
    assert networks - trained <= {"latent_encoder", "transformer"} and ("latent_encoder" in networks) == (source != "none")


def test_images_are_in_the_unit_range_of_the_paper(batch):
    model = build_model(micro("none"))
    losses, _ = losses_and_gradients(model, batch)
    estimate = model.estimate(batch["blurry"], None).numpy()
    expected = np.abs(estimate - (batch["sharp"].numpy() + 1) / 2).mean()
    assert float(losses["deblurring"]) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(model.denoise(None, batch["blurry"], None, {}), np.clip(2 * estimate - 1, -1, 1), atol=1e-6)


def test_it_can_start_as_the_blurry_image(batch):
    config = micro("none")
    config.transformer.update(patch=2, zero_last=True)
    model = build_model(check_config(config))
    assert model.size_multiple == 16
    losses, gradients = losses_and_gradients(model, batch)
    np.testing.assert_array_equal(model.estimate(batch["blurry"], None), batch["blurry"] / 2 + 0.5)
    expected = np.mean(np.abs(batch["blurry"] - batch["sharp"])) / 2
    assert float(losses["deblurring"]) == pytest.approx(expected, rel=1e-5)
    assert any(np.abs(gradient).max() > 0 for gradient in gradients)


def test_an_image_has_one_result_in_every_batch(second, batch):
    prior = second.encode_condition(batch["blurry"])["prior"]
    assert prior.shape == (4, 4, 8)
    np.testing.assert_allclose(second.encode_condition(batch["blurry"][1:2])["prior"], prior[1:2], atol=1e-4)
    image = np.random.default_rng(0).integers(0, 256, (21, 30, 3), dtype=np.uint8)
    results = [restore(second, image, second.settings()).pixels for _ in range(2)]
    np.testing.assert_array_equal(*results)
    assert results[0].shape == image.shape


def test_the_prior_of_training_starts_with_noise_of_its_example(second, batch):
    seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"])
    losses = [float(second.compute_losses(batch, s, training=True)["prior"]) for s in (seeds, seeds, seeds + 1)]
    assert losses[0] == losses[1] != losses[2]


def test_validation_of_the_first_stage_uses_the_sharp_images(batch):
    model = build_model(micro("encoded"))
    expected = model.encoded_prior(batch["blurry"], batch["sharp"])
    np.testing.assert_array_equal(model.encode_pair_condition(batch)["prior"], expected)
    assert np.abs(expected - model.encode_condition(batch["blurry"])["prior"]).max() > 1e-4


def test_samples_and_samplers_are_refused(second):
    for option in ({"samples": 2}, {"sampler": "ddim"}, {"steps": 5}):
        with pytest.raises(IcdpmError, match=f"take no sampling settings. Received: {next(iter(option))}"):
            second.settings(**option)


def test_strips_equal_the_whole(monkeypatch):
    monkeypatch.setattr(row_strips, "STRIP_FEATURES", 4 * 24 * 5)
    model = build_model(micro())
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, [2, 40, 24, 3]), tf.float32)
    condition = model.compiled_encode_condition(images)
    in_strips_of_few_rows = model.compiled_denoise(images, images, tf.fill([2], 0.5), condition)
    # Sizes are known outside of graphs.
    np.testing.assert_allclose(in_strips_of_few_rows, model.denoise(None, images, None, condition), atol=1e-5)


def test_tiles_use_the_prior_of_the_whole_and_are_close_to_it(second, monkeypatch):
    monkeypatch.setattr(hidiff, "_ENCODER_WINDOW", 64)
    rng = np.random.default_rng(0)
    image = np.repeat(np.repeat(rng.integers(0, 256, (20, 28, 3), dtype=np.uint8), 8, axis=0), 8, axis=1)[:157, :221]
    padded = LazyImage(pad_to_multiple(image, second.size_multiple))
    tiling = make_tiling(padded.height, padded.width, 96, 16, 8, blends=True)
    windows = []
    prior = second.encode_condition_in_tiles(padded, tiling, on_tile=lambda: windows.append(1))["prior"]
    whole = second.compiled_encode_condition(padded.window(slice(None)))["prior"]
    assert len(windows) > 9 and np.abs(prior - whole).max() < 1e-4
    one = restore(second, image, second.settings())
    tiles = restore(second, image, second.settings(), tile=96, overlap=16)
    assert one.notices == () and tiles.pixels.shape == image.shape
    assert re.match(r"restored in \d+ tiles of \d+×\d+ pixels that are blended: HI-Diff models depend on", *tiles.notices)
    error = np.abs(tiles.pixels.astype(float) - one.pixels).mean()
    assert 0 < error < 0.2 * np.abs(image.astype(float) - one.pixels).mean()


class WithMap(hidiff.HIDiff):
    """A HI-Diff whose condition also has a map, which is an intermediate output."""

    def encode_condition(self, blurry):
        return {**super().encode_condition(blurry), "half": blurry[:, ::2, ::2]}

    def intermediate_outputs(self, condition):
        assert condition["prior"].shape == (1, 4, 8)
        return {"half": condition["half"]}


def test_intermediate_outputs_with_conditions_that_are_not_maps(second):
    image = np.random.default_rng(0).integers(0, 256, (45, 61, 3), dtype=np.uint8)
    for tiles in ({}, {"tile": 48, "overlap": 16}):
        plain = restore(second, image, second.settings(), **tiles)
        complete = restore(second, image, second.settings(), keep_intermediate_outputs=True, **tiles)
        np.testing.assert_array_equal(complete.pixels, plain.pixels)
        assert complete.intermediate_outputs == {}
    served = TrainedModel(second).restore(image, "default", lambda *_: None)
    np.testing.assert_array_equal(served.pixels, restore(second, image, second.settings()).pixels)
    model = WithMap(micro())
    model.build()
    outputs = restore(model, image, model.settings(), keep_intermediate_outputs=True).intermediate_outputs
    np.testing.assert_array_equal(outputs["half"], image[::2, ::2])


def test_large_images_are_restored_in_tiles_within_the_budget(second):
    image = np.broadcast_to(np.uint8(0), (4000, 6000, 3))
    schedule = second.sampling_schedule(second.settings())
    options = dict(overlap=second.tile_overlap, samples=1, at_once=1, keep_samples=False, spread=False)
    tiling = choose_tiling(second, image, schedule, max_memory=2 * 2**30, **options)
    assert tiling.count > 1 and tiling.blend == second.tile_overlap == 64
    assert tile_memory(second, tiling) < 2 * 2**30
    assert choose_tiling(second, image[:720, :1280], schedule, max_memory=3 * 2**30, **options).count == 1


MEASURED = """
import sys
import numpy as np
from icdpm.restoration import memory
from icdpm.restoration.restore import restore
from icdpm.models.config import config_from_json
from icdpm.models.registry import build_model
from icdpm.diffusion.tiling import make_tiling
model = build_model(config_from_json(sys.argv[1]))
height, width = 384, 768
image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
restore(model, image, model.settings())
schedule = model.sampling_schedule(model.settings())
expected = memory.held_memory(model, image, schedule, 1, False, False, 1)
expected += memory.tile_memory(model, make_tiling(height, width, width, 0))
print(peak_memory(), expected)
"""


def test_memory_estimates(peak_memory):
    config = micro()
    config.transformer.channels = 16
    run = subprocess.run([sys.executable, "-c", peak_memory + MEASURED, config_to_json(config)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    peak, expected = map(int, run.stdout.split())
    assert 0.6 * expected < peak < 1.02 * expected


@pytest.mark.parametrize("source", ["encoded", "diffused"])
def test_only_the_second_stage_restores(source, tmp_path):
    config = micro(source)
    config_file(tmp_path).write_text(config_to_json(config))
    save_weights(weights_file(tmp_path, 6), named_variables(build_model(config)))
    if source == "diffused":
        assert load(tmp_path).config.name == "micro_diffused"
    else:
        with pytest.raises(IcdpmError, match="cannot restore after its first stage.* Train the second stage"):
            load(tmp_path)


def test_the_second_stage_starts_with_the_first(micro_config):
    check = model_class("hidiff").check_start
    check(micro(), micro("encoded"))
    check(micro(), micro())
    check(micro("encoded"), None)
    for start in (None, micro_config, micro("none"), micro(latent_encoder=False)):
        with pytest.raises(IcdpmError, match="starts with the latent encoder of the first. .* with --start_from"):
            check(micro(), start)
    with pytest.raises(IcdpmError, match="prior.latent_encoder` False"):
        check(micro(latent_encoder=False), micro("encoded"))


@pytest.mark.parametrize("joint", [True, False])
def test_the_second_stage_finds_enough_in_the_first(joint, tmp_path):
    first = build_model(micro("encoded"))
    save_weights(tmp_path / "weights.npz", named_variables(first))
    summary = load_fitting_weights(tmp_path / "weights.npz", build_model(micro(joint=joint)), "micro_encoded")
    assert summary.startswith(f"{len(named_variables(first))} of ") and "not used" not in summary


@pytest.mark.parametrize(
    "section, field, value, message",
    [
        ("transformer", "blocks", (1, 2), r"`transformer.blocks` must be four numbers. Received: \(1, 2\)"),
        ("transformer", "heads", (3, 1, 1, 1), "must be divisible by 3 heads"),
        ("prior", "side", 3, "`prior.side` must be even. Received: 3."),
        ("prior", "source", "sampled", "encoded, diffused, none"),
        ("transformer", "expansion", 0.2, "`transformer.expansion` must be at least 1/4, which is one channel. Received: 0.2"),
        ("denoiser", "token_expansion", 0.2, "`denoiser.token_expansion` must be at least 1/4"),
    ],
)
def test_invalid_fields(section, field, value, message):
    config = micro()
    config[section][field] = value
    with pytest.raises(IcdpmError, match=message):
        check_config(config)


def test_the_configs():
    names = [name for name in config_names() if name.startswith("hidiff_")]
    configs = {name: load_config(name) for name in names}
    for name, config in configs.items():
        first = configs.get(f"{name}_stage1")
        assert (config.prior.source == "encoded") == name.endswith("_stage1")
        if first:  # the second stage starts with weights of the same shapes
            assert first.transformer == config.transformer and first.encoder == config.encoder
    gopro, realblur = configs["hidiff_gopro"], configs["hidiff_realblur"]
    assert (gopro.chain.steps, gopro.chain.spacing, gopro.chain.predicts) == (8, "linear", "noise")
    assert (realblur.chain.steps, realblur.chain.spacing, realblur.chain.predicts) == (16, "quadratic", "image")
    optimizer = gopro.optimizer
    assert (optimizer.learning_rate, optimizer.weight_decay, optimizer.gradient_clip) == (2e-4, 1e-4, 0.01)
    assert (optimizer.learning_rate_shape, optimizer.learning_rate_end) == ("cosine", 1e-6)
