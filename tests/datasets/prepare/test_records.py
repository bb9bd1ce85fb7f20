import shutil
import uuid

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from icdpm.errors import IcdpmError
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pipeline import training_dataset
from icdpm_datasets.prepare.records import prepare_records

CROPS = dict(crop=16, count=7, seed=3)


@pytest.fixture(scope="module")
def photos(tmp_path_factory, write_image):
    """A folder of sharp photos with train/ and test/."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for split in ("train", "test"):
        for number in range(3):
            write_image(folder / split / f"{number}.png", rng.integers(0, 256, (40, 48, 3), dtype=np.uint8))
    return folder


@pytest.fixture
def pairs(tmp_path, published):
    """A folder of pairs, which serves both splits."""
    for number in range(3):
        published.pair(tmp_path / f"pairs/blur/{number}.png", tmp_path / f"pairs/sharp/{number}.png")
    return tmp_path / "pairs"


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if "json" not in path.name or "index" in path.name}


def test_crops_are_the_examples_of_the_source(photos, tmp_path):
    source = f"motion:{photos}"
    folder = tmp_path / "records/street/1.0.0"
    summary = f"records/street/1.0.0, 7 train, 3 test pairs, in {folder}"
    assert prepare_records("records/street", source, tmp_path, **CROPS) == f"ready: {summary}"
    assert prepare_records("records/street", source, tmp_path, **CROPS) == f"exists already: {summary}"
    recorded = load_pairs("records/street", "train", tmp_path)
    assert recorded.description == f"7 train pairs of records/street (from {source}) in {folder}"
    examples = training_dataset(load_pairs(source, "train"), batch=7, crop=16, seed=3, steps=1, augment=False)
    (batch,) = examples.as_numpy_iterator()
    for index in range(7):
        for side, image in zip(("blurry", "sharp"), recorded.load(index)):
            np.testing.assert_array_equal(np.rint((batch[side][index] + 1) * 127.5), image)
    test, whole = load_pairs("records/street", "test", tmp_path), load_pairs(source, "test")
    assert test.names == whole.names
    for index in range(3):
        np.testing.assert_array_equal(test.load(index), whole.load(index))
    # TFDS reads them without this package's builder too.
    assert tfds.builder_from_directory(folder).info.splits["train"].num_examples == 7
    with pytest.raises(IcdpmError, match=f"has records of 7 crops of 16 px with seed 3 from {source}. Choose another name"):
        prepare_records("records/street", source, tmp_path, crop=16, count=7, seed=4)


def test_whole_pairs_of_a_folder(pairs, tmp_path):
    line = prepare_records("records", str(pairs), tmp_path)
    assert line.endswith("records/1.0.0; it has no test split, so training needs --validation_data")
    recorded, source = load_pairs("records", "train", tmp_path), load_pairs(str(pairs), "train")
    assert recorded.names == source.names == ["0", "1", "2"]
    for index in range(3):
        np.testing.assert_array_equal(recorded.load(index), source.load(index))
    with pytest.raises(IcdpmError, match="records has no test split, only train. Give other data for it"):
        load_pairs("records", "test", tmp_path)


def test_photos_in_train_alone_are_no_test_split(photos, tmp_path):
    shutil.copytree(photos / "train", tmp_path / "photos/train")
    line = prepare_records("records", f"noise:{tmp_path / 'photos'}", tmp_path, **CROPS)
    assert line.endswith("it has no test split, so training needs --validation_data")


def test_a_mixture_with_a_part_that_serves_both_splits_has_no_test_split(photos, pairs, tmp_path, write_image):
    write_image(tmp_path / "both/a.png", np.zeros((40, 48, 3), np.uint8))
    for number, undivided in enumerate((pairs, f"noise:{tmp_path / 'both'}")):
        line = prepare_records(f"records/mixed{number}", f"noise:{photos}:0.5,{undivided}:0.5", tmp_path, **CROPS)
        assert line.endswith("it has no test split, so training needs --validation_data")


def test_records_in_remote_storage_equal_local_ones_and_are_read_as_published_sets(photos, pairs, tmp_path):
    bucket, mixture = f"ram://{uuid.uuid4().hex}/data", f"noise:{photos}:0.5,{pairs}:0.5"
    prepare_records("records/mixed", mixture, tmp_path, **CROPS)
    prepare_records("records/mixed", mixture, bucket, **CROPS)
    remote = load_pairs("records/mixed", "train", bucket)
    for name, content in files(tmp_path / "records/mixed/1.0.0").items():
        assert (remote.folder / name).read_bytes() == content
    (batch,) = training_dataset(remote, batch=4, crop=8, seed=0, steps=1).as_numpy_iterator()
    assert batch["sharp"].shape == (4, 8, 8, 3)


def test_an_interrupted_run_leaves_nothing_that_counts(photos, tmp_path, monkeypatch):
    write, written = tf.io.TFRecordWriter.write, []

    def interrupt_third(writer, record):
        written.append(record)
        if len(written) == 3:
            raise KeyboardInterrupt
        write(writer, record)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(tf.io.TFRecordWriter, "write", interrupt_third)
        prepare_records("records", f"motion:{photos}", tmp_path, **CROPS)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    with pytest.raises(IcdpmError, match="no records of records. Make them with icdpm-prepare records --source=SOURCE --d"):
        load_pairs("records", "train", tmp_path)


def test_sources_that_cannot_be_recorded_are_one_line_errors(photos, pairs, tmp_path):
    import imagecodecs

    with pytest.raises(IcdpmError, match="is a mixture, whose proportions need random crops. Give --crop and --count."):
        prepare_records("records", f"noise:{photos}:0.5,{pairs}:0.5", tmp_path)
    with pytest.raises(IcdpmError, match="too small for crops of 64 px|smaller than"):
        prepare_records("records", str(pairs), tmp_path, crop=64, count=1)
    for side in ("blur", "sharp"):
        (pairs / side / "0.png").write_bytes(imagecodecs.png_encode(np.zeros((24, 32, 3), np.uint16)))
    with pytest.raises(IcdpmError, match="has 16 bits per channel, but records have 8"):
        prepare_records("records", str(pairs), tmp_path)
    assert not (tmp_path / "records").exists()
