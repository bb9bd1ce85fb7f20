"""Python called from tf.data."""

import os
import subprocess
import sys

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


def test_a_program_ends_while_tf_data_still_reads_ahead():
    # Without care it hangs, now and then, in taking down the interpreter.
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        )
        assert (ended.returncode, ended.stdout) == (0, "done\n"), ended.stderr
