"""Validation: of the averages, by the run's own system, in parts that replicas share."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.metrics.psnr import psnr
from icdpm.models.registry import build_model
from icdpm.models.sampling import sample
from icdpm.models.training_step import take_step, validation_losses
from icdpm.models.weights import averaged_weights, set_weights
from icdpm.training.checkpoints import training_state
from icdpm.training.validation import Validation, _parts

pytestmark = pytest.mark.slow


@pytest.fixture
def trained(micro_config, batch):
    """A system after a few steps."""
    model = build_model(micro_config)
    model.compile()
    step = tf.function(functools.partial(take_step, model), autograph=False)
    for _ in range(3):
        step(batch)
    return model


def test_measures_the_averages_without_a_copy_and_leaves_all_as_it_was(trained, micro_config, batch):
    state = training_state(trained).values()
    before = [each.numpy() for each in state]
    made = []
    with tf.variable_creator_scope(lambda make, **said: made.append(said) or make(**said)):
        validation = Validation(trained, tf.distribute.get_strategy(), [{key: x.numpy() for key, x in batch.items()}])
        numbers, pictures = validation.run()
    assert not made
    for variable, values in zip(state, before):
        assert variable.numpy().tobytes() == values.tobytes()
    other = build_model(micro_config)
    set_weights(other, averaged_weights(trained))
    expected = {name: float(loss) for name, loss in validation_losses(other, batch).items()}
    assert {name: numbers[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    seeds = example_seeds([micro_config.seed, RandomDomain.VALIDATION_SAMPLES], batch["index"])
    conditions = other.compiled_encode_condition(batch["blurry"])
    drawn = sample(other, batch["blurry"], conditions, other.sampling_schedule(other.settings()), seeds)
    restored, sharp = (np.clip(np.round((x.numpy() + 1.0) * 127.5), 0, 255).astype(np.uint8) for x in (drawn, batch["sharp"]))
    assert numbers["psnr"] == pytest.approx(np.mean([psnr(*pair) for pair in zip(restored, sharp)]), abs=1e-3)
    # blurry | the regression | restored | sharp
    assert pictures.shape == (4, 16, 64, 3)
    np.testing.assert_allclose(pictures[:, :, 32:48], (drawn + 1.0) / 2.0, atol=1e-4)


def test_what_replicas_do_compiles_with_xla(trained, batch):
    validation = Validation(trained, tf.distribute.get_strategy(), [])
    plain, compiled = (tf.function(validation.measure, jit_compile=jit, autograph=False)(batch) for jit in (False, True))
    for one, other in zip(tf.nest.flatten(plain), tf.nest.flatten(compiled)):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "count, replicas, sizes", [(16, 1, [16]), (16, 2, [8, 8]), (6, 4, [1] * 6), (2, 3, [1, 1]), (9, 2, [3] * 3)]
)
def test_parts_are_of_one_size_and_hold_all(count, replicas, sizes):
    parts = _parts({"index": np.arange(count), "blurry": np.arange(count) * 2}, replicas)
    assert [len(part["index"]) for part in parts] == sizes
    np.testing.assert_array_equal(np.concatenate([part["blurry"] for part in parts]), np.arange(count) * 2)
