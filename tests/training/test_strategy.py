import uuid

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.training.run import train
from icdpm.training.strategy import check_input, make_strategy
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.load import load_pairs
from icdpm_datasets.prepare.records import prepare_records


@pytest.fixture
def shaken(tmp_path):
    (tmp_path / "photos").mkdir()
    PIL.Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "photos/0.png")
    return f"shake:{tmp_path}/photos"


@pytest.fixture
def remote_strategy():
    """A strategy whose device belongs to another process, as those of a TPU slice do."""
    return tf.distribute.OneDeviceStrategy("/job:worker/replica:0/task:1/device:CPU:0")


def test_hosts_without_python_read_what_tensorflow_reads(shaken, remote_strategy):
    bucket = f"ram://{uuid.uuid4().hex}"
    for name in ("one", "two"):
        prepare_records(f"records/{name}", shaken, bucket, crop=16, count=2)
    mixture = load_pairs("records/one:0.5,records/two:0.5", "train", bucket)
    check_input(remote_strategy, [load_pairs("records/one", "train", bucket), mixture, EmbeddedPairs("test")])


@pytest.mark.parametrize("mixed", [False, True])
def test_data_that_need_python_are_refused_before_anything_is_written(shaken, remote_strategy, mixed, micro_config, tmp_path):
    source = load_pairs(f"{shaken}:0.5,embedded:0.5" if mixed else shaken, "train")
    message = r"^The hosts of the TPU cannot read .*photos.*Write them into records in a bucket by icdpm-prepare records"
    with pytest.raises(IcdpmError, match=message):
        train(micro_config, tmp_path / "run", EmbeddedPairs("test"), source, remote_strategy)
    assert not (tmp_path / "run").exists()
    check_input(make_strategy("single"), [source])
    check_input(make_strategy("mirrored"), [source])
