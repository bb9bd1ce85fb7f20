"""UNet regression: one evaluation, which does not depend on noise and γ."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.errors import IcdpmError
from icdpm.keras import variable_name
from icdpm.models.config import check_config, default_config
from icdpm.models.registry import build_model
from icdpm.restoration.restore import restore


@pytest.fixture
def config():
    config = default_config("regression")
    config.precision = "float32"
    config.unet.channels = 4
    config.unet.multipliers = (1, 2)
    config.unet.encoder_blocks = 1
    config.unet.zero_last = False
    config.data.batch, config.data.crop = 4, 16
    return check_config(config)


@pytest.mark.parametrize("loss, distance", [("l1", np.abs), ("l2", np.square)])
def test_the_loss_is_the_distance_of_the_estimate(config, batch, loss, distance):
    config.regression.loss = loss
    model = build_model(config)
    losses = model.compute_losses(batch, example_seeds([0, RandomDomain.TRAINING_LOSSES], batch["index"]), training=True)
    expected = distance(model.estimate(batch["blurry"]).numpy() - batch["sharp"].numpy()).mean()
    assert list(losses) == ["regression"] and float(losses["regression"]) == pytest.approx(expected, rel=1e-5)


def test_it_starts_as_the_blurry_image_where_it_is_residual(config, batch):
    config.unet.zero_last = True
    np.testing.assert_array_equal(build_model(config).estimate(batch["blurry"]), batch["blurry"])
    config.regression.residual = False
    assert not np.any(build_model(config).estimate(batch["blurry"]))


def test_the_evaluation_does_not_depend_on_x_and_gamma(config, batch):
    model = build_model(config)
    assert model.settings().evaluations == 1 and not model.default_presets(config)
    pairs = ((0.0, 0.1), (9.0, 1.0))
    one, other = (model.denoise(tf.fill([4, 16, 16, 3], x), batch["blurry"], tf.fill([4], g), {}) for x, g in pairs)
    np.testing.assert_array_equal(one, other)
    assert not any("embedding" in variable_name(variable) for variable in model.variables)


def test_it_is_restored_in_tiles(config):
    model = build_model(config)
    image = np.random.default_rng(0).integers(0, 256, (90, 110, 3), dtype=np.uint8)
    steps = []
    whole = restore(model, image, model.settings(), on_step=steps.append).pixels
    assert steps == [1] and np.abs(whole.astype(int) - image).mean() > 1
    exact = restore(
        model, image, model.settings(), tile=2 * model.receptive_field_radius + 8, overlap=model.receptive_field_radius
    ).pixels
    assert np.abs(whole.astype(int) - exact).max() <= 1
    close = restore(model, image, model.settings(), tile=2 * model.tile_overlap + 16).pixels
    assert 0 < np.abs(whole.astype(float) - close).mean() < 0.5


def test_samples_are_refused(config):
    for option in ({"samples": 2}, {"sampler": "ddim"}, {"steps": 5}):
        with pytest.raises(IcdpmError, match=f"Regression models take no sampling settings. Received: {next(iter(option))}"):
            build_model(config).settings(**option)
