"""Validation of the averaged weights, by the run's own model, distributed over replicas."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.metrics.psnr import psnr
from icdpm.models.registry import build_model
from icdpm.models.sampling import sample
from icdpm.models.training_step import loss_logs, mean_psnr, take_step, validation_losses
from icdpm.models.weights import averaged_weights, set_weights
from icdpm.training.checkpoints import training_state
from icdpm.training.validation import Validation, split_batch

pytestmark = pytest.mark.slow


@pytest.fixture
def trained(micro_config, batch):
    """A model after a few steps."""
    model = build_model(micro_config)
    model.compile()
    for _ in range(3):
        take_step(model, batch)
    return model


def test_measures_the_averages_without_a_copy_and_restores_the_state(trained, micro_config, batch):
    state = training_state(trained).values()
    before = [each.numpy() for each in state]
    created = []
    with tf.variable_creator_scope(lambda create, **options: created.append(options) or create(**options)):
        validation = Validation(trained, tf.distribute.get_strategy(), [{key: x.numpy() for key, x in batch.items()}])
        numbers, images = validation.run()
    assert not created
    for variable, values in zip(state, before):
        assert variable.numpy().tobytes() == values.tobytes()
    other = build_model(micro_config)
    set_weights(other, averaged_weights(trained))
    expected = {name: float(loss) for name, loss in loss_logs(validation_losses(other, batch)).items()}
    assert {name: numbers[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    seeds = example_seeds([micro_config.seed, RandomDomain.VALIDATION_SAMPLES], batch["index"])
    condition = other.compiled_encode_condition(batch["blurry"])
    sampled = sample(other, batch["blurry"], condition, other.sampling_schedule(other.settings()), seeds)
    restored, sharp = (np.clip(np.round((x.numpy() + 1.0) * 127.5), 0, 255).astype(np.uint8) for x in (sampled, batch["sharp"]))
    assert numbers["psnr"] == pytest.approx(np.mean([psnr(*pair) for pair in zip(restored, sharp)]), abs=1e-3)
    # blurry | the regression | restored | sharp
    assert images.shape == (4, 16, 64, 3)
    np.testing.assert_allclose(images[:, :, 32:48], (sampled + 1.0) / 2.0, atol=1e-4)


def test_an_unblurred_pair_counts_as_100_db(trained, batch):
    arrays = {key: x.numpy() for key, x in batch.items()}
    strategy = tf.distribute.get_strategy()
    before, _ = Validation(trained, strategy, [arrays]).run()
    first = psnr(*(np.clip(np.round((arrays[key][0] + 1.0) * 127.5), 0, 255).astype(np.uint8) for key in ("blurry", "sharp")))
    arrays["blurry"][0] = arrays["sharp"][0]
    numbers, _ = Validation(trained, strategy, [arrays]).run()
    count = len(arrays["index"])
    assert numbers["psnr_blurry"] - before["psnr_blurry"] == pytest.approx((100.0 - first) / count)


def test_psnr_of_evaluate_is_at_most_100_db_per_image():
    sharp = np.full((2, 8, 8, 3), -1.0, np.float32)
    restored = sharp.copy()
    restored[1] += 2 / 255  # one 8-bit level
    for jit in (False, True):
        measured = tf.function(mean_psnr, jit_compile=jit)(tf.constant(restored), tf.constant(sharp))
        assert float(measured) == pytest.approx((100 + 20 * np.log10(255)) / 2, abs=1e-3)
    assert np.isnan(mean_psnr(tf.fill(sharp.shape, np.nan), tf.constant(sharp)))


def test_evaluation_compiles_with_xla(trained, batch):
    validation = Validation(trained, tf.distribute.get_strategy(), [])
    plain, compiled = (tf.function(validation.evaluate_batch, jit_compile=jit, autograph=False)(batch) for jit in (False, True))
    for one, other in zip(tf.nest.flatten(plain), tf.nest.flatten(compiled)):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "count, replicas, sizes", [(16, 1, [16]), (16, 2, [8, 8]), (6, 4, [1] * 6), (2, 3, [1, 1]), (9, 2, [3] * 3)]
)
def test_parts_have_one_size_and_contain_all_examples(count, replicas, sizes):
    parts = split_batch({"index": np.arange(count), "blurry": np.arange(count) * 2}, replicas)
    assert [len(part["index"]) for part in parts] == sizes
    np.testing.assert_array_equal(np.concatenate([part["blurry"] for part in parts]), np.arange(count) * 2)
