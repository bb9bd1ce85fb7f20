"""icDPM and the aligned icDPM: losses and gradients, accumulation of a step, sampling."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.diffusion.samplers import make_sampling_schedule
from icdpm.models.config import check_config, config_to_json, default_config
from icdpm.models.registry import build_model
from icdpm.models.sampling import sample
from icdpm.models.training_step import take_step
from icdpm.models.weights import averaged_weights, load_fitting_weights, named_variables, save_weights


def changed(config, **fields):
    config = config.copy_and_resolve_references()
    with config.unlocked(), config.ignore_type():
        for field, value in fields.items():
            *section, leaf = field.split("__")
            (config[section[0]] if section else config)[leaf] = value
    return check_config(config)


def compiled_model(config, jit_compile=False):
    """Returns a model and its training step, which is a graph with XLA only: tracing takes longer than a few steps without."""
    model = build_model(config)
    model.compile()
    step = functools.partial(take_step, model)
    return model, tf.function(step, jit_compile=True, autograph=False) if jit_compile else step


def train(config, batch, steps=4, jit_compile=False):
    """Returns the losses and the final weights of a few steps, each with its own examples."""
    model, step = compiled_model(config, jit_compile)
    logs = []
    for number in range(steps):
        logs.append(step({**batch, "index": batch["index"] + 4 * number}))
    return [{k: float(v) for k, v in log.items()} for log in logs], [v.numpy() for v in model.trainable_variables]


def losses(logs):
    return np.array([[log["guidance_loss"], log["noise_loss"], log["gradient_norm"]] for log in logs])


VARIANTS = {
    "guided": {},
    "unguided": {"guidance__scales": ()},
    "rgb": {"guidance__color": "rgb"},
    "input": {"guidance__route": "input", "guidance__color": "rgb"},
    "both": {"guidance__route": "both"},
    "shared_projection": {"guidance__projection": "scale"},
    "naf_shared_projection": {"guidance__projection": "scale", "unet__block": "naf", "unet__blocks": (2, 1, 1)},
    "without_concatenation": {"unet__concat_blurry": False, "guidance__color": "rgb"},
    "preconditioned": {"diffusion__parametrisation": "preconditioned_noise"},
    "l2": {"diffusion__loss": "l2"},
    "patched": {"unet__patch": 2, "diffusion__parametrisation": "preconditioned_estimate"},
    "dropout": {"unet__dropout": 0.1},
    "naf": {"unet__block": "naf", "unet__blocks": (1, 2, 1)},
    "blur_exponent": {"diffusion__blur_exponent": 0.5},
}


@pytest.fixture(scope="module")
def trained_plainly():
    """Returns a cached `train`, whose results several tests compare with theirs."""
    kept = {}

    def trained(config, batch):
        if (text := config_to_json(config)) not in kept:
            kept[text] = train(config, batch)
        return kept[text]

    return trained


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_all_its_weights(name, micro_config, batch):
    model, _ = compiled_model(changed(micro_config, **VARIANTS[name]))
    seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"])
    with tf.GradientTape() as tape:
        losses = model.compute_losses(batch, seeds, training=True)
        loss = tf.add_n(list(losses.values()))
    assert np.isfinite(loss) and (float(losses["guidance"]) > 0) == (name != "unguided")
    for variable, gradient in zip(model.trainable_variables, tape.gradient(loss, model.trainable_variables)):
        assert gradient is not None and np.abs(gradient).max() > 0, variable.name


def test_input_channels_of_the_variants(micro_config):
    def inputs(**fields):
        return build_model(changed(micro_config, **fields)).unet.stem.kernel.shape[2]

    assert inputs() == 6 and inputs(unet__concat_blurry=False) == 3
    assert inputs(guidance__route="input", guidance__color="rgb") == 9
    assert inputs(guidance__route="both") == 7 and inputs(guidance__route="both", guidance__color="rgb") == 9


def test_guidance_gets_gradients_from_the_noise_loss(micro_config, batch):
    model, _ = compiled_model(micro_config)
    with tf.GradientTape() as tape:
        seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"])
        noise_loss = model.compute_losses(batch, seeds, training=True)["noise"]
    network = model.guidance_networks["1"]
    gradients = tape.gradient(noise_loss, [network.stem.kernel, network.regression.kernel])
    assert np.abs(gradients[0]).max() > 0 and gradients[1] is None


def test_an_exponent_evens_out_what_mild_and_strong_blur_weigh(micro_config, batch):
    seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"])
    plain, even = (build_model(changed(micro_config, diffusion__blur_exponent=exponent)) for exponent in (0.0, 0.5))
    even.set_weights(plain.get_weights())
    difference = batch["blurry"] - batch["sharp"]
    strengths = np.array([0.0, 0.03, 0.99, 8.99])  # in units of σ_r²
    wanted = np.sqrt(strengths / np.mean(np.square(difference), axis=(1, 2, 3))) * micro_config.diffusion.residual_std
    blurry = batch["sharp"] + difference * wanted.reshape(4, 1, 1, 1).astype(np.float32)

    def loss_of(model, rows):
        some = {"blurry": blurry[rows], "sharp": batch["sharp"][rows]}
        return float(model.compute_losses(some, seeds[rows], training=False)["noise"])

    each = [loss_of(even, slice(i, i + 1)) for i in range(4)]
    ratios = [loss / loss_of(plain, slice(i, i + 1)) for i, loss in enumerate(each)]
    np.testing.assert_allclose(ratios, [10, 5, 1, 1 / 3], rtol=1e-3)
    assert loss_of(even, slice(0, 4)) == pytest.approx(np.mean(each), rel=1e-4)


def test_training_noise_of_the_guidance_is_off_at_inference(micro_config, batch):
    model = build_model(changed(micro_config, guidance__noise_std=0.5))
    seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"])
    noisy, other = (model.encode_condition(batch["blurry"], s)["1"][1].numpy() for s in (seeds, seeds + 1))
    plain, again = (model.encode_condition(batch["blurry"])["1"][1].numpy() for _ in range(2))
    np.testing.assert_array_equal(plain, again)
    assert np.abs(noisy - plain).max() > 0.01 and np.abs(noisy - other).max() > 0.01


def test_noise_at_inference_follows_the_seed_of_the_config(micro_config, batch):
    noisy = build_model(changed(micro_config, guidance__noise_std=0.5, guidance__noise_at_inference=True))
    without = build_model(changed(micro_config, guidance__noise_std=0.5))
    other = build_model(changed(micro_config, guidance__noise_std=0.5, guidance__noise_at_inference=True, seed=1))
    for model in (without, other):
        model.set_weights(noisy.get_weights())
    together = noisy.compiled_encode_condition(batch["blurry"])["1"][1].numpy()
    np.testing.assert_array_equal(noisy.compiled_encode_condition(batch["blurry"])["1"][1], together)
    np.testing.assert_allclose(noisy.compiled_encode_condition(batch["blurry"][2:3])["1"][1], together[2:3], atol=1e-5)
    for model in (without, other):
        assert np.abs(model.compiled_encode_condition(batch["blurry"])["1"][1] - together).max() > 0.01
    noise = noisy._inference_noise(1, tf.constant([64, 80, 1]), 0, 64).numpy()
    assert noise.shape == (1, 64, 80, 1) and abs(noise.mean()) < 0.03 and noise.std() == pytest.approx(0.5, rel=0.03)
    np.testing.assert_array_equal(noisy._inference_noise(1, tf.constant([64, 80, 1]), 17, 40), noise[:, 17:40])
    # Training uses its own noise.
    seeds = example_seeds([0, 0], batch["index"])
    np.testing.assert_array_equal(*(each.encode_condition(batch["blurry"], seeds)["1"][1] for each in (noisy, without)))


def test_both_routes_reach_the_output(micro_config, batch):
    model = build_model(changed(micro_config, guidance__route="both"))
    ((features, regression),) = model.encode_condition(batch["blurry"]).values()

    def denoised(*guidance):
        return model.denoise(batch["blurry"], batch["blurry"], tf.fill([4], 0.5), {"1": guidance}).numpy()

    plain = denoised(features, regression)
    assert np.abs(denoised(features + 1.0, regression) - plain).max() > 1e-4
    assert np.abs(denoised(features, regression + 1.0) - plain).max() > 1e-4


def test_structure_is_the_area_average_of_gray(micro_model, batch):
    structure = micro_model.structure(batch["sharp"])["1"].numpy()
    gray = batch["sharp"].numpy() @ np.array([0.2989, 0.587, 0.114], np.float32)
    np.testing.assert_allclose(structure[..., 0], gray.reshape(4, 8, 2, 8, 2).mean(axis=(2, 4)), atol=1e-5)


@pytest.mark.slow
def test_ramps_and_learning_rate_of_the_steps(micro_config, batch, trained_plainly):
    logs, _ = trained_plainly(micro_config, batch)
    np.testing.assert_allclose([log["noise_weight"] for log in logs], [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose([log["learning_rate"] for log in logs], [0, 5e-4, 1e-3, 1e-3])
    for log in logs:
        np.testing.assert_allclose(log["loss"], log["guidance_loss"] + log["noise_weight"] * log["noise_loss"], rtol=1e-5)


@pytest.mark.slow
def test_accumulation_takes_the_same_step(micro_config, batch, trained_plainly):
    whole, weights = trained_plainly(micro_config, batch)
    parts, weights_of_parts = train(changed(micro_config, optimizer__accumulation=2), batch)
    np.testing.assert_allclose(losses(parts), losses(whole), rtol=1e-4)
    for ours, theirs in zip(weights, weights_of_parts):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


@pytest.mark.slow
def test_gradient_clip_bounds_the_step(micro_config, batch, trained_plainly):
    free, _ = trained_plainly(micro_config, batch)
    config = changed(micro_config, optimizer__gradient_clip=free[0]["gradient_norm"] / 10)
    model, step = compiled_model(config)
    assert float(step(batch)["gradient_norm"]) == pytest.approx(free[0]["gradient_norm"], rel=1e-5)
    # Adam's first moment after one step is (1 − β₁) of the gradient that was applied.
    moments = model.optimizer.first_moments
    applied = float(tf.linalg.global_norm(moments)) / (1 - config.optimizer.beta_1)
    assert applied == pytest.approx(config.optimizer.gradient_clip, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["guided", "naf"])
@pytest.mark.parametrize("precision, tolerance", [("float32", 1e-4), ("mixed_bfloat16", 0.1)])
def test_the_whole_step_compiles_with_xla_and_agrees(precision, tolerance, variant, micro_config, batch, trained_plainly):
    config = changed(micro_config, **VARIANTS[variant])
    config.precision = precision
    plain, _ = trained_plainly(config, batch)
    compiled, _ = train(config, batch, jit_compile=True)
    np.testing.assert_allclose(losses(compiled), losses(plain), rtol=tolerance)


@pytest.mark.slow
def test_average_follows_the_weights(micro_config, batch):
    model, step = compiled_model(micro_config)
    expected = [v.numpy().astype(np.float64) for v in model.trainable_variables]
    for number in range(4):
        step({**batch, "index": batch["index"] + 4 * number})
        decay = min(micro_config.optimizer.ema_decay, (1 + number) / (10 + number))
        expected = [decay * e + (1 - decay) * v.numpy() for e, v in zip(expected, model.trainable_variables)]
    for ours, exact in zip(averaged_weights(model).values(), expected):
        np.testing.assert_allclose(ours, exact, atol=1e-6)


def test_a_sample_follows_its_own_seed(micro_model, batch):
    model = micro_model
    schedule = make_sampling_schedule("ancestral", 3, 0.9)
    seeds = example_seeds([5, RandomDomain.RESTORATION], batch["index"])

    def sampled(rows):
        blurry = batch["blurry"][rows]
        return sample(model, blurry, model.compiled_encode_condition(blurry), schedule, seeds[rows]).numpy()

    together = sampled(slice(0, 4))
    np.testing.assert_allclose(together[2:3], sampled(slice(2, 3)), atol=1e-5)
    assert together.min() >= -1 and together.max() <= 1


def test_sampling_calls_guidance_once_and_the_unet_once_a_step(micro_model, batch):
    model = micro_model
    steps = []
    guidance = model.compiled_encode_condition(batch["blurry"])
    seeds = example_seeds([0, RandomDomain.RESTORATION], batch["index"])
    sample(
        model,
        batch["blurry"],
        guidance,
        make_sampling_schedule("ancestral", 7, 0.9),
        seeds,
        on_evaluation=lambda: steps.append(1),
    )
    assert len(steps) == 7


@pytest.fixture
def aligned_config(micro_config):
    config = default_config("aligned_icdpm")
    config.update({**micro_config.to_dict(), "model": "aligned_icdpm"})
    config.alignment.channels = 6
    return check_config(config)


@pytest.fixture
def batch_with_target(batch):
    return {**batch, "target": tf.reverse(batch["sharp"], [1])}


def networks_with_gradient(model, batch, name):
    with tf.GradientTape() as tape:
        seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"])
        loss = model.compute_losses(batch, seeds, training=True)[name]
    found = tape.gradient(loss, model.trainable_variables)
    return {each.split("/")[0] for each, g in zip(named_variables(model), found) if g is not None and np.abs(g).max() > 0}


@pytest.mark.slow
def test_each_loss_trains_its_own_networks(aligned_config, batch_with_target):
    model = build_model(aligned_config)
    assert networks_with_gradient(model, batch_with_target, "discriminator") == {"discriminator_1"}
    assert networks_with_gradient(model, batch_with_target, "alignment") == {"guidance_1"}
    assert networks_with_gradient(model, batch_with_target, "guidance") == {"guidance_1"}
    assert networks_with_gradient(model, batch_with_target, "noise") == {"guidance_1", "unet"}


@pytest.mark.slow
def test_the_two_losses_oppose_each_other(aligned_config, batch_with_target):
    """Decreasing the discriminators' loss separates the features; decreasing the alignment loss mixes them."""
    model = build_model(aligned_config)
    seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], batch_with_target["index"])

    def losses():
        return {name: float(loss) for name, loss in model.compute_losses(batch_with_target, seeds, training=True).items()}

    @tf.function(autograph=False)
    def step(name, rate):
        with tf.GradientTape() as tape:
            loss = model.compute_losses(batch_with_target, seeds, training=True)[name]
        for variable, gradient in zip(model.trainable_variables, tape.gradient(loss, model.trainable_variables)):
            if gradient is not None:
                variable.assign_sub(rate * gradient)

    def after(name, rate):
        for _ in range(20):
            step(name, rate)
        return losses()

    before = losses()
    learned = after("discriminator", 0.5)
    assert learned["discriminator"] < before["discriminator"] and learned["alignment"] > before["alignment"]
    assert after("alignment", 0.05)["alignment"] < learned["alignment"]


@pytest.mark.slow
def test_validation_of_the_aligned_model_needs_no_target(aligned_config, batch):
    seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"])
    losses = build_model(aligned_config).compute_losses(batch, seeds, training=False)
    assert set(losses) == {"guidance", "noise"}


@pytest.mark.slow
def test_it_starts_with_a_trained_icdpm(aligned_config, micro_config, tmp_path):
    trained = build_model(micro_config)
    save_weights(tmp_path / "weights.npz", named_variables(trained))
    aligned_config.seed = 7
    model = build_model(aligned_config)
    summary = load_fitting_weights(tmp_path / "weights.npz", model, "micro")
    assert "; randomly initialized: discriminator_1/convolution_0/kernel" in summary and "not used" not in summary
    for name, variable in named_variables(trained).items():
        np.testing.assert_array_equal(named_variables(model)[name], variable)
