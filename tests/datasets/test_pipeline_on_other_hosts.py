"""Datasets of recorded sets run in a process that cannot import icdpm, as on the hosts of a TPU slice."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from icdpm_datasets.load import load_pairs
from icdpm_datasets.pipeline import training_dataset
from icdpm_datasets.prepare.published import prepare_published

pytestmark = pytest.mark.slow  # starts processes
SETTINGS = dict(batch=4, crop=16, seed=5, steps=3)

# A worker of tf.distribute, and a dispatcher and a worker of tf.data's service. It ends when its standard input does.
SERVERS = """
import importlib.util, sys
sys.path += sys.argv[1:]
assert not any(map(importlib.util.find_spec, ("icdpm", "icdpm_datasets")))
import tensorflow as tf
worker = tf.distribute.Server.create_local_server()
service = tf.data.experimental.service
dispatcher = service.DispatchServer()
server = service.WorkerServer(service.WorkerConfig(dispatcher.target.partition("://")[2]))
print(worker.target.partition("://")[2], dispatcher.target, flush=True)
sys.stdin.read()
"""

# Iterates on the worker, and saves the batches. Connecting resets TensorFlow, hence a process of its own.
CLIENT = """
import sys
import numpy as np
import tensorflow as tf
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pipeline import training_dataset

address, data_dir, output = sys.argv[1:]
tf.config.experimental_connect_to_host(address, job_name="worker")
with tf.device("/job:worker/replica:0/task:0/device:CPU:0"):
    batches = list(training_dataset(load_pairs("gopro", "train", data_dir), SETTINGS))
assert all("/job:worker" in tensor.device for batch in batches for tensor in batch.values())
np.savez(output, **{f"{step}_{key}": value for step, batch in enumerate(batches) for key, value in batch.items()})
""".replace("SETTINGS", ", ".join(f"{key}={value}" for key, value in SETTINGS.items()))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory, published):
    root = tmp_path_factory.mktemp("gopro")
    published.gopro(root / "tree", ["train/GOPR0372_07_00"], frames=5)
    prepare_published("gopro", root / "tree", root / "records", partial=True)
    return root / "records"


@pytest.fixture(scope="module")
def servers():
    """(address of the worker, URL of tf.data's service)."""
    # -S: site-packages, which holds TensorFlow, is added without what makes icdpm importable from its folder.
    installed = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    command = [sys.executable, "-I", "-S", "-c", SERVERS, *installed]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().split()
        process.kill()


@pytest.fixture(scope="module")
def expected(data_dir):
    return list(training_dataset(load_pairs("gopro", "train", data_dir), **SETTINGS).as_numpy_iterator())


def test_a_worker_without_icdpm_iterates(servers, data_dir, expected, start, tmp_path):
    client = start(CLIENT, [servers[0], data_dir, tmp_path / "batches.npz"])
    assert client.wait() == 0, client.communicate()
    batches = np.load(tmp_path / "batches.npz")
    assert len(batches.files) == 3 * len(expected)
    for step, batch in enumerate(expected):
        for key, value in batch.items():
            np.testing.assert_array_equal(batches[f"{step}_{key}"], value)


def test_the_service_of_tf_data_iterates(servers, data_dir, expected):
    dataset = training_dataset(load_pairs("gopro", "train", data_dir), **SETTINGS)
    service = tf.data.experimental.service
    served = dataset.apply(service.distribute(service.ShardingPolicy.OFF, servers[1]))
    batches = list(served.as_numpy_iterator())
    assert len(batches) == len(expected)
    for one, other in zip(batches, expected):
        for key in other:
            np.testing.assert_array_equal(one[key], other[key])
