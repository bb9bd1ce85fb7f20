"""DvSR: diffusion of a residual, one prediction per image, one loss for both networks."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.configs import load_config
from icdpm.diffusion.parametrizations import ResidualNoisePrediction, diffuse
from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.keras import variable_name
from icdpm.models.config import check_config, default_config
from icdpm.models.dvsr import DvSR
from icdpm.models.registry import build_model
from icdpm.models.weights import named_variables
from icdpm.networks.cost import count_convolution_flops
from icdpm.networks.layers import zero_weights
from icdpm.restoration.restore import restore
from icdpm_experiments.paper.published import TABLE11

pytestmark = pytest.mark.slow


@pytest.fixture
def config():
    config = default_config("dvsr")
    config.precision = "float32"
    for section in (config.unet, config.predictor):
        section.channels = 4
        section.multipliers = (1, 2)
        section.encoder_blocks = 1
        section.zero_last = False
    config.data.batch, config.data.crop = 4, 16
    config.sampling.steps, config.sampling.max_noise_variance = 3, 0.9
    return check_config(config)


def test_both_networks_are_trained_by_the_loss_of_the_noise(config, batch):
    model = build_model(config)
    with tf.GradientTape() as tape:
        losses = model.compute_losses(batch, example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"]), training=True)
    assert list(losses) == ["noise"]
    for variable, gradient in zip(model.trainable_variables, tape.gradient(losses["noise"], model.trainable_variables)):
        assert gradient is not None and np.abs(gradient).max() > 0, variable_name(variable)
    names = {name.split("/")[0] for name in named_variables(model)}
    assert names == {"predictor", "unet"}


def test_dropout_of_the_predictor_is_active_in_training_only(config, batch):
    plain = build_model(config)
    config.predictor.dropout = 0.5
    model = build_model(config)
    seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"])
    for training in (True, False):
        one, other = (float(each.compute_losses(batch, seeds, training)["noise"]) for each in (plain, model))
        assert (one != other) == training


def test_the_network_receives_the_noisy_residual(config, batch, monkeypatch):
    """Whang et al.: f(√γ·(x − g(y)) + √(1−γ)·ε, y, √γ) is trained toward ε."""
    model = build_model(config)
    noise = tf.constant(np.random.default_rng(0).normal(size=batch["sharp"].shape), tf.float32)
    gamma = tf.constant([0.9, 0.5, 0.1, 0.01])
    level = gamma[:, None, None, None]
    condition = model.encode_condition(batch["blurry"])
    inputs = []
    monkeypatch.setattr(model, "unet", lambda x, *rest, **named: inputs.append(x) or x[..., :3])
    model.network_output(diffuse(batch["sharp"], noise, level), batch["blurry"], gamma, condition)
    residual = batch["sharp"] - condition["prediction"]
    np.testing.assert_allclose(inputs[0][..., :3], tf.sqrt(level) * residual + tf.sqrt(1 - level) * noise, atol=1e-5)
    np.testing.assert_array_equal(inputs[0][..., 3:], batch["blurry"])


def test_diffusing_the_residual_is_diffusing_the_image(config):
    """Ancestral sampling of r plus g equals sampling of x with the parametrization around g."""
    from icdpm.diffusion.samplers import make_sampling_schedule
    from icdpm.diffusion.sampling_loops import run_sampling_loop

    rng = np.random.default_rng(1)
    anchor, start = (tf.constant(rng.normal(size=[2, 4, 4, 3]), tf.float32) for _ in range(2))
    noises = tf.constant(rng.normal(size=[8, 2, 4, 4, 3]), tf.float32)
    schedule, parametrization = make_sampling_schedule("ancestral", 8, 0.5), ResidualNoisePrediction()

    def epsilon(residual):
        return tf.tanh(residual)

    def denoise_residual(r, gamma):
        gamma = tf.cast(gamma, tf.float32)
        return (r - tf.sqrt(1 - gamma) * epsilon(r)) / tf.sqrt(gamma)

    def denoise_image(x, gamma):
        gamma = tf.cast(gamma, tf.float32)
        return parametrization.image(epsilon(parametrization.network_input(x, anchor, gamma)), x, anchor, gamma)

    residual = run_sampling_loop(denoise_residual, start, lambda t: noises[t], schedule)
    x_start = parametrization.start(start, anchor, tf.cast(schedule.gammas[-1], tf.float32))
    image = run_sampling_loop(denoise_image, x_start, lambda t: noises[t], schedule)
    np.testing.assert_allclose(image, anchor + residual, atol=2e-4)


def test_the_prediction_is_computed_once_and_returned(config, monkeypatch):
    model = build_model(config)
    calls, compiled = [], model.compiled_encode_condition
    monkeypatch.setattr(model, "compiled_encode_condition", lambda blurry: calls.append(1) or compiled(blurry))
    image = np.random.default_rng(0).integers(0, 256, (21, 30, 3), dtype=np.uint8)
    restored = restore(model, image, model.settings(samples=3), keep_intermediate_outputs=True, keep_samples=True)
    assert calls == [1] and restored.intermediate_outputs["prediction"].shape == image.shape
    assert np.abs(restored.samples[0].astype(int) - restored.samples[1]).mean() > 1


def test_tiles_that_overlap_by_the_receptive_field_equal_the_whole(config):
    model = build_model(config)
    image = np.random.default_rng(0).integers(0, 256, (100, 130, 3), dtype=np.uint8)
    whole = restore(model, image, model.settings()).pixels
    exact = restore(
        model, image, model.settings(), tile=2 * model.receptive_field_radius + 8, overlap=model.receptive_field_radius
    ).pixels
    assert np.abs(whole.astype(int) - exact).max() <= 1


def test_the_radius_of_both_networks_is_a_multiple_of_the_larger_size(config):
    config.unet.update(multipliers=(1,), encoder_blocks=32, middle_blocks=1)
    config.predictor.multipliers = (1, 2, 2)
    model = DvSR(config)
    assert model.unet.receptive_field_radius % model.size_multiple
    assert model.receptive_field_radius >= model.unet.receptive_field_radius > model.predictor.receptive_field_radius
    assert model.receptive_field_radius % model.size_multiple == 0


def test_the_predictor_is_large_and_a_step_as_cheap_as_table_11_a():
    """The UNets of Table 11: about 26 M parameters in the predictor (C = 64), about 7 M in the denoiser (C = 32)."""
    with zero_weights():
        model = build_model(load_config("dvsr"))
    sizes = {network.name: sum(int(np.prod(v.shape)) for v in network.variables) for network in (model.unet, model.predictor)}
    assert sizes == {"unet": 6_926_403, "predictor": 26_065_027}

    def step(x_gamma, blurry, gamma, prediction):
        return model.denoise(x_gamma, blurry, gamma, {"prediction": prediction})

    image = tf.TensorSpec([1, 720, 1280, 3])
    flops = count_convolution_flops(step, image, image, tf.TensorSpec([1]), image)
    assert flops == 1_199_230_156_800 == pytest.approx(TABLE11["a"][1], rel=0.03)
    small = load_config("dvsr_s")
    assert (small.predictor.channels, small.unet.channels) == (32, 16)
