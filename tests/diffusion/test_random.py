"""Distribution of random numbers, and their equality however they are computed."""

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion import random


def seeds(first, last, base=(0, 0)):
    return random.example_seeds(base, tf.range(first, last, dtype=tf.int64))


def test_domains_keep_their_numbers():
    """Existing weights and restored images depend on them."""
    names = ["TRAINING_LOSSES", "VALIDATION_LOSSES", "VALIDATION_SAMPLES", "RESTORATION", "INFERENCE_GUIDANCE"]
    assert {each.name: each.value for each in random.RandomDomain} == dict(zip(names, range(5)))
    np.testing.assert_array_equal(seeds(0, 3, (7, random.RandomDomain.RESTORATION)), seeds(0, 3, (7, 3)))


def test_no_base_seed_has_a_bare_number():
    root = Path(__file__).parents[2]
    files = [path for folder in ("icdpm", "datasets", "experiments") for path in (root / folder).rglob("*.py")]
    bare = re.compile(r"example_seeds\(\[[^\[\]]*, \d+\]|\[[\w.]*seed, \d+\]", re.IGNORECASE)
    assert bare.search("example_seeds([self.config.seed, 0], index)") and bare.search("tf.constant([seed, 3], tf.int64)")
    assert not [str(path) for path in files if bare.search(path.read_text())]


def test_distributions():
    numbers = random.normal_each(seeds(0, 4), [100_000]).numpy()
    np.testing.assert_allclose(numbers.mean(axis=1), 0.0, atol=0.015)
    np.testing.assert_allclose(numbers.std(axis=1), 1.0, atol=0.015)
    np.testing.assert_allclose((numbers**4).mean(), 3.0, atol=0.1)
    np.testing.assert_allclose(np.corrcoef(numbers), np.eye(4), atol=0.015)
    uniform = random.uniform_each(seeds(0, 1), [100_000]).numpy()
    assert uniform.min() >= 0 and uniform.max() < 1
    np.testing.assert_allclose(np.histogram(uniform, 10, (0, 1))[0], 10_000, rtol=0.05)


def test_an_example_does_not_depend_on_its_batch():
    together = random.normal_each(seeds(0, 6), [5]).numpy()
    np.testing.assert_array_equal(together[4:], random.normal_each(seeds(4, 6), [5]))


def test_seeds_differ_by_example_base_and_purpose():
    fold_in, uniform_each = tf.function(random.fold_in), tf.function(random.uniform_each)  # loops take long without a graph
    bases = tf.concat([seeds(0, 50, base) for base in [(0, 0), (1, 0), (0, 1)]], axis=0)
    rows = uniform_each(tf.concat([fold_in(bases, tf.constant(purpose)) for purpose in range(6)], axis=0), [2]).numpy()
    assert len(rows) == 900 and len(np.unique(rows, axis=0)) == len(rows)


@pytest.mark.slow
def test_numbers_are_equal_with_and_without_xla():
    def sample():
        return random.uniform_each(random.fold_in(seeds(0, 3), 7), [16]), random.normal_each(seeds(0, 3), [16])

    plain, compiled = tf.function(sample)(), tf.function(sample, jit_compile=True)()
    np.testing.assert_array_equal(plain[0], compiled[0])
    np.testing.assert_allclose(plain[1], compiled[1], atol=1e-5)


def test_rows_are_those_of_the_whole():
    seed = seeds(3, 4)[0]
    by_rows = tf.function(random.normal_rows)
    for shape in ([9, 16, 3], [7, 5, 3], [11, 1, 1]):
        whole = random.normal(seed, shape).numpy()
        for first, last in [(0, shape[0]), (0, 1), (2, 5), (shape[0] - 1, shape[0])]:
            np.testing.assert_array_equal(random.normal_rows(seed, shape, first, last), whole[first:last])
            rows = by_rows(seed, tf.constant(shape), tf.constant(first), tf.constant(last))
            np.testing.assert_array_equal(rows, whole[first:last])
    together = random.normal_rows_each(seeds(0, 4), [9, 16, 3], 2, 5)
    np.testing.assert_array_equal(together, random.normal_each(seeds(0, 4), [9, 16, 3])[:, 2:5])


def test_rows_of_a_large_field_are_computed_alone():
    """The generator's counter is advanced without computing the numbers before the rows."""
    shape, first = [2_000_000, 1000, 3], 1_999_990
    rows = random.normal_rows(seeds(0, 1)[0], shape, tf.constant(first), tf.constant(first + 10)).numpy()
    np.testing.assert_allclose([rows.mean(), rows.std()], [0, 1], atol=0.03)
