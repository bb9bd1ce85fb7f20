"""Errors and shutdown of Python functions that tf.data calls."""

import os
import subprocess
import sys

import pytest
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm_datasets.tf_data_errors import for_tf_data, original_errors

PROGRAM = """
import numpy as np
from icdpm_datasets.pipeline import training_dataset

class Pairs:
    names, description = ["a", "b"], "noise"
    def __len__(self): return 2
    def load(self, index):
        noise = np.random.default_rng(index).integers(0, 256, (160, 160, 3), np.uint8)
        return noise, noise
    def check_crop(self, crop): pass

batches = iter(training_dataset(Pairs(), batch=256, crop=128, seed=0))
next(batches)
print("done")
"""


@pytest.mark.slow
def test_a_program_ends_while_tf_data_still_reads_ahead():
    # Without the shutdown code, it occasionally hangs while the interpreter shuts down.
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        )
        assert (ended.returncode, ended.stdout) == (0, "done\n"), ended.stderr


def failing(error):
    """Returns a dataset whose every element raises `error`."""

    def fail(number):
        raise error

    call = for_tf_data(fail)
    return tf.data.Dataset.range(4).map(lambda number: tf.numpy_function(call, [number], tf.int64), tf.data.AUTOTUNE)


@pytest.mark.parametrize("error", [IcdpmError("30×20 px is:\n  too {{small}};\n  use more"), KeyError("bug")])
def test_the_original_exception_is_raised(error):
    with pytest.raises(tf.errors.OpError, match="{{function_node"):
        list(failing(error))
    with pytest.raises(type(error)) as caught, original_errors():
        list(failing(error))
    assert caught.value is error


def test_other_errors_of_tensorflow_are_unchanged():
    with pytest.raises(tf.errors.InvalidArgumentError, match="no call"), original_errors():
        tf.debugging.assert_equal(1, 2, "no call")
