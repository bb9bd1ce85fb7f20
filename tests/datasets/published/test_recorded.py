"""Records in remote storage, tested on TensorFlow's ram://."""

import errno
import json
import uuid

import numpy as np
import pytest
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.storage import RemotePath, storage_path
from icdpm_datasets.load import load_pairs
from icdpm_datasets.order import CROPS_PER_FETCH, shuffled_index
from icdpm_datasets.pairs import load_crop
from icdpm_datasets.pipeline import AUGMENTATION, training_dataset
from icdpm_datasets.prepare.published import is_partial, prepare_published
from icdpm_datasets.published import builder as builder_module
from icdpm_datasets.published.recorded import RecordedPairs
from icdpm_datasets.tf_data_errors import original_errors

BATCH, CROP, SEED = 6, 16, 3
SETTINGS = dict(batch=BATCH, crop=CROP, seed=SEED)


@pytest.fixture(scope="module")
def tree(tmp_path_factory, published):
    """30 training pairs and 3 of the test split."""
    root = tmp_path_factory.mktemp("gopro") / "tree"
    published.gopro(root, ["train/GOPR0372_07_00"], frames=30)
    return published.gopro(root, ["test/GOPR0384_11_00"], frames=3)


@pytest.fixture
def prepare(tree, monkeypatch):
    """Function (data folder) that records GoPro there in several files."""
    monkeypatch.setattr(builder_module, "_SHARD_BYTES", 60_000)
    return lambda data_dir: prepare_published("gopro", tree, str(data_dir), partial=True)


@pytest.fixture
def bucket():
    return storage_path(f"ram://{uuid.uuid4().hex}/records")


@pytest.fixture
def recorded(bucket, prepare):
    prepare(bucket)
    return bucket


@pytest.fixture
def pairs(recorded):
    return load_pairs("gopro", "train", str(recorded))


def batches(source, steps, **changes):
    with original_errors():
        return list(training_dataset(source, steps=steps, **SETTINGS | changes).as_numpy_iterator())


def assert_equal(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def replace(path, content):
    path.unlink()
    path.write_bytes(content)


def test_remote_records_equal_local_ones(bucket, prepare, tmp_path):
    folder = bucket / "gopro/blur/1.0.0"
    assert prepare(bucket) == f"ready: gopro/blur/1.0.0, 30 train, 3 test pairs (partial: not the benchmark), in {folder}"
    assert prepare(bucket).startswith("exists already: gopro/blur/1.0.0, 30 train")
    assert is_partial(str(bucket), "gopro")
    prepare(tmp_path)
    local = tmp_path / "gopro/blur/1.0.0"
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in local.iterdir())
    for path in local.glob("*tfrecord*"):
        assert (folder / path.name).read_bytes() == path.read_bytes()
    for split in ("train", "test"):
        there, here = load_pairs("gopro", split, str(bucket)), RecordedPairs("gopro", split, tmp_path)
        assert (there.names, there.sizes) == (here.names, here.sizes)
        assert there.description == here.description.replace(str(local), str(folder))
        for index in range(len(here)):
            np.testing.assert_array_equal(there.load(index), here.load(index))


@pytest.mark.parametrize("degradation", ["blur", "blur_jpeg"])
def test_tensorflow_decodes_like_pillow(bucket, tmp_path, published, degradation):
    published.reds(tmp_path / "tree", "train", degradation, clips=("000",), frames=range(3))
    prepare_published(f"reds/train_{degradation}", tmp_path / "tree", str(bucket), partial=True)
    pairs = load_pairs(f"reds/train_{degradation}", "train", str(bucket))
    for index in range(3):
        for fetched, loaded in zip(pairs.fetch(tf.constant(index, tf.int64)), pairs.load(index)):
            np.testing.assert_array_equal(fetched, loaded)


@pytest.mark.slow
def test_an_example_follows_from_the_seed_and_its_number(pairs):
    examples = batches(pairs, 50, augment=False)
    for step in (0, 1, 20, CROPS_PER_FETCH, 49):
        for place in range(BATCH):
            number = step * BATCH + place
            assert examples[step]["index"][place] == number
            visit = (step + place * CROPS_PER_FETCH // BATCH) // CROPS_PER_FETCH
            index = int(shuffled_index(tf.constant(visit * BATCH + place, tf.int64), len(pairs), SEED))
            base = tf.constant([SEED, AUGMENTATION], tf.int64)
            key = tf.random.experimental.stateless_fold_in(base, tf.constant(number, tf.int64))
            bits = tf.random.stateless_uniform([3], key, minval=0, maxval=tf.int32.max, dtype=tf.int32).numpy()
            for side, expected in zip(("blurry", "sharp"), load_crop(pairs, index, CROP, bits.astype(np.int64))):
                np.testing.assert_array_equal(np.rint((examples[step][side][place] + 1) * 127.5), expected)


@pytest.mark.slow
def test_a_resumed_run_sees_the_examples_of_an_uninterrupted_one(pairs):
    unbroken = batches(pairs, 50)
    assert_equal(batches(pairs, 4, start_step=CROPS_PER_FETCH + 1), unbroken[CROPS_PER_FETCH + 1 : CROPS_PER_FETCH + 5])
    later = batches(pairs, 3, first_example=12)
    assert later[0]["index"].tolist() == list(range(12, 18))
    assert_equal(batches(pairs, 1, first_example=12, start_step=2), later[2:])


@pytest.mark.slow
def test_workers_see_together_what_one_sees_alone(pairs):
    parts = [batches(pairs, 9, shard_index=k, num_shards=3, per_replica_batch=1) for k in range(3)]
    alone = batches(pairs, 9)
    for step, batch in enumerate(alone):
        shared = [part[step * 2 + k] for part in parts for k in range(2)]
        assert_equal([batch], [{key: np.concatenate([each[key] for each in shared]) for key in batch}])


@pytest.mark.slow
def test_sets_are_mixed_in_their_proportions(recorded):
    source = load_pairs("gopro:0.75,gopro/blur:0.25", "train", str(recorded))
    for index in (0, 29, 30, 59):
        for fetched, loaded in zip(source.fetch(tf.constant(index, tf.int64)), source.load(index)):
            np.testing.assert_array_equal(fetched, loaded)
    assert batches(source, 2)[1]["sharp"].shape == (BATCH, CROP, CROP, 3)
    with pytest.raises(IcdpmError, match="^gopro:1,embedded:1: sets in remote storage .* only with each other"):
        load_pairs("gopro:1,embedded:1", "train", str(recorded))


def test_crops_are_not_repeated(pairs):
    with pytest.raises(IcdpmError, match="^`data.repeat` must be 1 for records in remote storage. Received: 2.$"):
        batches(pairs, 1, repeat=2)


@pytest.mark.parametrize("content", [None, b"", bytes(2000)])
def test_damaged_or_missing_records_are_named(recorded, pairs, content):
    for path in [path for path in (recorded / "gopro/blur/1.0.0").iterdir() if "train" in path.name]:
        path.unlink()
        if content is not None:
            path.write_bytes(content)
    with pytest.raises(IcdpmError, match=r"^ram://.*/records/gopro/blur/1.0.0 cannot be read: .*$"):
        batches(pairs, 1)


def test_missing_or_damaged_descriptions_are_one_line_errors(recorded):
    with pytest.raises(IcdpmError, match=r"^ram://.*/nothing has no records of gopro. Make them with icdpm-prepare gopro --"):
        load_pairs("gopro", "train", f"{recorded}/nothing")
    folder = recorded / "gopro/blur/1.0.0"
    index = json.loads((folder / "record_index.json").read_text())
    for content in (b"", b"[]", json.dumps(dict.fromkeys(index, [[1]])).encode()):
        replace(folder / "record_index.json", content)
        with pytest.raises(IcdpmError, match="record_index.json is not an index of these records. Remove .* and run"):
            load_pairs("gopro", "train", str(recorded))
    (folder / "record_index.json").unlink()
    with pytest.raises(IcdpmError, match=r"record_index.json cannot be read \(.*\). Run icdpm-prepare again"):
        load_pairs("gopro", "train", str(recorded))
    for content in (b"{", b"[]", b"{}"):
        replace(folder / "dataset_info.json", content)
        with pytest.raises(IcdpmError, match="^ram://.*: the description of gopro/blur is damaged. Remove its folder and run"):
            load_pairs("gopro", "train", str(recorded))


@pytest.mark.parametrize("failing", ["gopro-train.tfrecord-00001", "record_index.json", "dataset_info.json"])
@pytest.mark.parametrize(
    "error, expected",
    [
        (OSError(errno.ENOSPC, "no space is left", "ram://x"), "no space is left"),
        (PermissionError(errno.EACCES, "access is denied", "ram://x"), "access is denied"),
        (KeyboardInterrupt(), None),
    ],
    ids=["full", "refused", "interrupted"],
)
def test_an_incomplete_set_does_not_count(bucket, prepare, monkeypatch, failing, error, expected):
    upload = RemotePath.upload

    def upload_or_fail(self, source):
        if self.name.startswith(failing):
            raise error
        upload(self, source)

    with monkeypatch.context() as patch:
        patch.setattr(RemotePath, "upload", upload_or_fail)
        message = expected and f"ram://.*: {expected}"
        with pytest.raises(IcdpmError if expected else KeyboardInterrupt, match=message):
            prepare(bucket)
    with pytest.raises(IcdpmError, match="has no records of gopro. Make them with"):
        load_pairs("gopro", "train", str(bucket))
    assert prepare(bucket).startswith("ready")
    assert len(load_pairs("gopro", "train", str(bucket))) == 30


def test_a_read_only_bucket_is_an_error_before_recording(bucket, prepare, monkeypatch):
    def refuse(self):
        raise PermissionError(errno.EACCES, "access is denied", str(self))

    monkeypatch.setattr(RemotePath, "check_writable", refuse)
    monkeypatch.setattr(builder_module.PairBuilder, "verify", lambda *_: pytest.fail("too late"))
    with pytest.raises(IcdpmError, match=r"^The records in ram://.* cannot be written: access is denied."):
        prepare(bucket)


def test_errors_about_the_source_are_those_of_local_records(bucket, tmp_path):
    with pytest.raises(IcdpmError, match=f"^{tmp_path}/nothing"):
        prepare_published("gopro", tmp_path / "nothing", str(bucket), partial=True)
