"""The aligned icDPM: who learns from which loss, and what of it needs the other domain."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.models.config import check_config, default_config
from icdpm.models.registry import build_model
from icdpm.models.weights import load_fitting_weights, named_variables, save_weights


@pytest.fixture
def config(micro_config):
    config = default_config("aligned_icdpm")
    config.update({**micro_config.to_dict(), "model": "aligned_icdpm"})
    config.alignment.channels = 6
    return check_config(config)


@pytest.fixture
def both(batch):
    return {**batch, "target": tf.reverse(batch["sharp"], [1])}


def gradients(model, batch, name):
    with tf.GradientTape() as tape:
        seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"])
        loss = model.compute_losses(batch, seeds, training=True)[name]
    found = tape.gradient(loss, model.trainable_variables)
    return {v.name.split("/")[0] for v, g in zip(model.trainable_variables, found) if g is not None and np.abs(g).max() > 0}


def test_each_loss_trains_its_own(config, both):
    model = build_model(config)
    assert gradients(model, both, "discriminator") == {"discriminator_1"}
    assert gradients(model, both, "alignment") == {"guidance_1"}
    assert gradients(model, both, "guidance") == {"guidance_1"}
    assert gradients(model, both, "noise") == {"guidance_1", "unet"}


def test_the_two_losses_pull_apart(config, both):
    """A step down the discriminators' loss makes the features easier to tell apart, one down the other harder."""
    model = build_model(config)
    seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], both["index"])

    def losses():
        return {name: float(loss) for name, loss in model.compute_losses(both, seeds, training=True).items()}

    @tf.function(autograph=False)
    def step(name, rate):
        with tf.GradientTape() as tape:
            loss = model.compute_losses(both, seeds, training=True)[name]
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


def test_validation_needs_no_target(config, batch):
    seeds = example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"])
    losses = build_model(config).compute_losses(batch, seeds, training=False)
    assert set(losses) == {"guidance", "noise"}


def test_it_begins_with_a_trained_icdpm(config, micro_config, tmp_path):
    trained = build_model(micro_config)
    save_weights(tmp_path / "weights.npz", named_variables(trained))
    config.seed = 7
    model = build_model(config)
    said = load_fitting_weights(tmp_path / "weights.npz", model, "micro")
    assert "; new: discriminator_1/convolution_0/kernel" in said and "not used" not in said
    for name, variable in named_variables(trained).items():
        np.testing.assert_array_equal(named_variables(model)[name], variable)
