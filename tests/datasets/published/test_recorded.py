"""Recorded data sets, on a disk and in remote storage (TensorFlow's ram://)."""

import errno
import json
import re
import shutil
import uuid

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.storage import RemotePath, storage_path
from icdpm_datasets.load import load_pairs
from icdpm_datasets.order import crops_per_pair, shuffled_index, slot_count
from icdpm_datasets.pairs import Mixture, load_crop
from icdpm_datasets.pipeline import AUGMENTATION, training_dataset, validation_dataset
from icdpm_datasets.prepare.published import prepare_published
from icdpm_datasets.published import builder as builder_module
from icdpm_datasets.published import recorded as recorded_module
from icdpm_datasets.published.records import index_records
from icdpm_datasets.tf_data_errors import original_errors

BATCH, CROP, SEED = 6, 16, 3
SETTINGS = dict(batch=BATCH, crop=CROP, seed=SEED)
SLOTS, CROPS = slot_count(BATCH), crops_per_pair(CROP)  # 66, 40


@pytest.fixture(scope="module")
def tree(tmp_path_factory, published):
    """30 training pairs and 3 of the test split."""
    root = tmp_path_factory.mktemp("gopro") / "tree"
    published.gopro(root, ["train/GOPR0372_07_00"], frames=30)
    return published.gopro(root, ["test/GOPR0384_11_00"], frames=3)


@pytest.fixture(scope="module")
def prepare(tree):
    """Function (data folder) that records GoPro there in several files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder_module, "_SHARD_BYTES", 60_000)
        yield lambda data_dir: prepare_published("gopro", tree, str(data_dir), partial=True)


@pytest.fixture(scope="module")
def disk(tmp_path_factory, prepare):
    """Folder of the records on the disk, to read."""
    folder = tmp_path_factory.mktemp("disk")
    prepare(folder)
    return folder


@pytest.fixture
def data_dir(disk, tmp_path):
    """A copy of it, to modify."""
    return shutil.copytree(disk, tmp_path / "records", ignore=shutil.ignore_patterns("downloads"))


@pytest.fixture
def bucket():
    return storage_path(f"ram://{uuid.uuid4().hex}/records")


@pytest.fixture
def recorded(bucket, prepare):
    prepare(bucket)
    return bucket


@pytest.fixture
def pairs(disk):
    return load_pairs("gopro", "train", disk)


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


def test_remote_records_equal_local_ones(bucket, prepare, disk):
    folder = bucket / "gopro/blur/1.0.0"
    assert prepare(bucket) == f"ready: gopro/blur/1.0.0, 30 train, 3 test pairs (partial: not the benchmark), in {folder}"
    assert prepare(bucket).startswith("exists already: gopro/blur/1.0.0, 30 train")
    local = disk / "gopro/blur/1.0.0"
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in local.iterdir())
    for path in local.glob("*tfrecord*"):
        assert (folder / path.name).read_bytes() == path.read_bytes()
    for split in ("train", "test"):
        there, here = load_pairs("gopro", split, str(bucket)), load_pairs("gopro", split, disk)
        assert (there.names, there.sizes) == (here.names, here.sizes)
        assert there.description == here.description.replace(str(local), str(folder))
        for index in range(len(here)):
            np.testing.assert_array_equal(there.load(index), here.load(index))
        assert_equal(batches(there, 2), batches(here, 2))


def test_the_test_split_has_whole_images_in_the_published_order(disk, tree):
    pairs = load_pairs("gopro", "test", disk)
    assert pairs.names == [f"GOPR0384_11_00/{number:06d}" for number in (1, 2, 3)]
    assert "3 test pairs of gopro/blur (partial: not the benchmark)" in pairs.description
    for name, index in zip(pairs.names, range(3)):
        sequence, frame = name.split("/")
        for side, pixels in zip(("blur", "sharp"), pairs.load(index)):
            np.testing.assert_array_equal(pixels, np.asarray(Image.open(tree / "test" / sequence / side / f"{frame}.png")))


@pytest.mark.parametrize("degradation", ["blur", "blur_jpeg"])
def test_tensorflow_decodes_like_pillow(bucket, tmp_path, published, degradation):
    published.reds(tmp_path / "tree", "train", degradation, clips=("000",), frames=range(3))
    prepare_published(f"reds/train_{degradation}", tmp_path / "tree", str(bucket), partial=True)
    pairs = load_pairs(f"reds/train_{degradation}", "train", str(bucket))
    for index in range(3):
        for fetched, loaded in zip(pairs.fetch(tf.constant(index, tf.int64)), pairs.load(index)):
            np.testing.assert_array_equal(fetched, loaded)


def operations(dataset):
    """Returns the kinds of all operations in the graph and the functions of a dataset."""
    serialized = tf.raw_ops.DatasetToGraphV2(input_dataset=dataset._variant_tensor)
    graph = tf.compat.v1.GraphDef.FromString(serialized.numpy())
    return {node.op for nodes in (graph.node, *(each.node_def for each in graph.library.function)) for node in nodes}


def test_the_graphs_of_recorded_sets_call_no_python(pairs, disk):
    for source in (pairs, load_pairs("gopro:0.75,gopro/blur:0.25", "train", disk)):
        training = training_dataset(source, repeat=2, num_shards=2, shard_index=1, **SETTINGS)
        for dataset in (training, validation_dataset(source, count=4, crop=CROP, batch=2)):
            found = operations(dataset)
            assert {"TFRecordDatasetV2", "DecodePng"} <= found
            assert not [operation for operation in found if "PyFunc" in operation]


def test_an_example_follows_from_the_seed_and_its_number(pairs):
    examples = batches(pairs, 50, augment=False)
    for step in (0, 1, 20, 33, 49):
        for place in range(BATCH):
            number = step * BATCH + place
            assert examples[step]["index"][place] == number
            slot, turn = number % SLOTS, number // SLOTS
            visit = (turn + slot * CROPS // SLOTS) // CROPS
            index = int(shuffled_index(tf.constant(visit * SLOTS + slot, tf.int64), len(pairs), SEED))
            base = tf.constant([SEED, AUGMENTATION], tf.int64)
            key = tf.random.experimental.stateless_fold_in(base, tf.constant(number, tf.int64))
            bits = tf.random.stateless_uniform([3], key, minval=0, maxval=tf.int32.max, dtype=tf.int32).numpy()
            for side, expected in zip(("blurry", "sharp"), load_crop(pairs, index, CROP, bits.astype(np.int64))):
                np.testing.assert_array_equal(np.rint((examples[step][side][place] + 1) * 127.5), expected)


def test_a_resumed_run_sees_the_examples_of_an_uninterrupted_one(pairs):
    unbroken = batches(pairs, 50)
    assert_equal(batches(pairs, 20, start_step=30), unbroken[30:])
    later = batches(pairs, 3, first_example=12)
    assert later[0]["index"].tolist() == list(range(12, 18))
    assert_equal(batches(pairs, 1, first_example=12, start_step=2), later[2:])
    assert batches(pairs, 1, start_step=10**12)[0]["index"][0] == BATCH * 10**12


def test_workers_see_together_what_one_sees_alone(pairs):
    parts = [batches(pairs, 9, shard_index=k, num_shards=3, per_replica_batch=1, start_step=4) for k in range(3)]
    alone = batches(pairs, 9, start_step=4)
    for step, batch in enumerate(alone):
        shared = [part[step * 2 + k] for part in parts for k in range(2)]
        assert_equal([batch], [{key: np.concatenate([each[key] for each in shared]) for key in batch}])


def test_successive_batches_show_different_pairs(pairs):
    shown = {}
    for index in range(len(pairs)):  # noise: any piece of it is found in one image only
        sharp = pairs.load(index)[1]
        for top, left in np.ndindex(sharp.shape[0] - 7, sharp.shape[1] - 7):
            shown[sharp[top : top + 8, left : left + 8].tobytes()] = index
    examples = batches(pairs, 5, crop=8, augment=False)
    frames = [shown[np.rint((sharp + 1) * 127.5).astype(np.uint8).tobytes()] for batch in examples for sharp in batch["sharp"]]
    assert len(set(frames)) == len(pairs) == 30


def test_larger_crops_are_fewer_per_pair():
    assert [crops_per_pair(crop) for crop in (64, 128, 160, 256, 384, 2000)] == [40, 40, 25, 10, 4, 1]


def test_crops_are_repeated(pairs):
    sharp = [batch["sharp"][0] for batch in batches(pairs, 21, batch=66, repeat=4, augment=False)]
    assert 5 < len({image.tobytes() for image in sharp}) <= 10
    np.testing.assert_array_equal(sharp[10:20], sharp[:10])


def test_sets_are_mixed_in_their_proportions(disk):
    source = load_pairs("gopro:0.75,gopro/blur:0.25", "train", disk)
    for index, pair in enumerate(validation_dataset(source, count=60, crop=24, batch=1).as_numpy_iterator()):
        if index in (0, 29, 30, 59):
            np.testing.assert_array_equal(np.rint((pair["blurry"][0] + 1) * 127.5), source.load(index)[0][:, 4:28])


class Gray:
    """Pairs of one gray level in 16 bits, from Python."""

    names, description, dtype = ["a", "b"], "gray", np.uint16

    def __len__(self):
        return 2

    def load(self, index):
        return (np.full((30, 30, 3), 1000 * index + 7, np.uint16),) * 2

    def check_crop(self, crop):
        pass


@pytest.mark.parametrize("repeat", [1, 3])
def test_records_mix_with_sources_in_python(pairs, repeat):
    source = Mixture({"records": pairs, "gray": Gray()}, [500, 500])
    sharp = np.concatenate([batch["sharp"] for batch in batches(source, 11, repeat=repeat)])
    levels = np.rint((sharp + 1) * 32767.5)
    is_gray = (levels == levels[:, :1, :1]).all((1, 2, 3))
    assert is_gray.sum() == 33 and set(levels[is_gray, 0, 0, 0]) == {7, 1007}
    assert (levels[~is_gray] % 257 == 0).all()


def test_images_of_several_sizes(tmp_path, published):
    names = [f"scene{k:03d}/{k}" for k in range(6)]
    published.realblur(tmp_path / "tree", "J", {"train": names, "test": ["scene100/1"]})
    prepare_published("realblur_j", tmp_path / "tree", tmp_path / "records", partial=True)
    pairs = load_pairs("realblur_j", "train", tmp_path / "records")
    assert pairs.sizes == [(24, 32 + k) for k in range(6)]
    for index in range(6):
        np.testing.assert_array_equal(pairs.fetch(tf.constant(index, tf.int64)), pairs.load(index))


def test_crops_that_do_not_fit_are_refused(pairs):
    pairs.check_crop(24)
    with pytest.raises(IcdpmError, match="GOPR0372_07_00/000001 is 32×24 px, too small for crops of 25"):
        batches(pairs, 1, crop=25)


@pytest.mark.parametrize("split", ["train", "test"])
def test_missing_records_name_the_command(tmp_path, split):
    with pytest.raises(IcdpmError, match=f"icdpm-prepare hide --source=ARCHIVE_OR_FOLDER --data_dir={tmp_path}$"):
        load_pairs("hide", split, tmp_path)


def test_the_default_folder_is_named_if_it_cannot_be_read(monkeypatch):
    monkeypatch.setattr(recorded_module, "make_builder", lambda *_: open("/nowhere"))
    with pytest.raises(IcdpmError, match=r"^/.*tensorflow_datasets cannot be read: No such file or directory\."):
        recorded_module.find_prepared("gopro", None)


def test_an_unknown_variant_is_an_error(tmp_path):
    with pytest.raises(IcdpmError, match="must be one of gopro/blur, gopro/blur_gamma. Received: gopro/sharp"):
        load_pairs("gopro/sharp", "train", tmp_path)


def test_reds_trains_and_tests_on_its_own_parts(tmp_path, published):
    published.reds(tmp_path / "tree", "train")
    published.reds(tmp_path / "tree", "val")
    for name in ("reds/train_blur", "reds"):
        prepare_published(name, tmp_path / "tree", tmp_path / "records", partial=True)
    assert len(load_pairs("reds", "train", tmp_path / "records")) == 22
    assert load_pairs("reds", "test", tmp_path / "records").names == ["000/00000009", "001/00000009"]
    with pytest.raises(IcdpmError, match="reds/train_blur has no test split, only train"):
        load_pairs("reds/train_blur", "test", tmp_path / "records")


def test_truncated_records_are_named(data_dir):
    file = sorted((data_dir / "gopro/blur/1.0.0").glob("*train.tfrecord*"))[0]
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(IcdpmError, match=f"{file} is damaged .*Remove its folder and run icdpm-prepare again"):
        load_pairs("gopro", "train", data_dir)


def test_a_damaged_image_in_the_records_is_named(data_dir):
    for file in (data_dir / "gopro/blur/1.0.0").glob("*train.tfrecord*"):
        pair = index_records(file)[0]
        data = bytearray(file.read_bytes())
        data[pair.blurry[0] + 60 : pair.blurry[0] + 300] = bytes(240)
        file.write_bytes(data)
    pairs = load_pairs("gopro", "train", data_dir)
    with pytest.raises(IcdpmError, match="GOPR0372_07_00/000001 cannot be read"):
        pairs.load(0)
    with pytest.raises(IcdpmError, match=f"^{re.escape(str(pairs.folder))} cannot be read: corrupted record"):
        batches(pairs, 3)


@pytest.mark.parametrize("content", [None, b"", bytes(2000)])
def test_damaged_or_missing_records_are_named(recorded, content):
    pairs = load_pairs("gopro", "train", str(recorded))
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
