import errno
import json
import os
import subprocess
import sys
import textwrap

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from icdpm.errors import IcdpmError
from icdpm_datasets.gopro.layout import GoProLayout
from icdpm_datasets.prepare.published import prepare_published
from icdpm_datasets.published.recorded import prepared_set

SEQUENCE = "test/GOPR0384_11_00"


@pytest.fixture
def tree(tmp_path, published):
    return published.gopro(tmp_path / "GOPRO_Large", [SEQUENCE])


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def complete(monkeypatch):
    """Makes the counts of the small tree the published ones."""
    monkeypatch.setattr(GoProLayout, "counts", {"test": 3})
    monkeypatch.setattr(GoProLayout, "sequence_counts", {"test": {"GOPR0384_11_00": 3}})


def is_partial(data_dir, name):
    return prepared_set(name, data_dir).info.metadata["partial"]


def records(data_dir):
    return [str(path) for path in data_dir.rglob("*") if "tfrecord" in path.name or "info" in path.name]


def test_a_subset_is_recorded_as_partial(tree, data_dir):
    line = prepare_published("gopro", tree, data_dir, partial=True)
    assert "3 test pairs (partial: not the benchmark)" in line
    assert is_partial(data_dir, "gopro") and is_partial(data_dir, "gopro/blur")
    metadata = json.loads((data_dir / "gopro/blur/1.0.0/metadata.json").read_text())
    assert metadata == {"partial": True, "counts": {"test": 3}, "published_counts": {"train": 2103, "test": 1111}}


@pytest.mark.parametrize("partial", [False, True])
def test_a_complete_set_is_never_partial(tree, data_dir, complete, partial):
    prepare_published("gopro", tree, data_dir, partial)
    assert not is_partial(data_dir, "gopro")


def test_a_subset_needs_partial_and_nothing_is_written_without(tree, data_dir):
    with pytest.raises(IcdpmError, match="test/GOPR0384_11_00: 3 pairs of 100"):
        prepare_published("gopro", tree, data_dir)
    assert not data_dir.exists()


def test_damaged_images_leave_no_records(tree, data_dir):
    path = tree / SEQUENCE / "blur/000002.png"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IcdpmError, match="blur/000002.png is damaged or truncated"):
        prepare_published("gopro", tree, data_dir, partial=True)
    assert not data_dir.exists()


def test_existing_records_are_kept(tree, data_dir):
    prepare_published("gopro", tree, data_dir, partial=True)
    before = [os.stat(path).st_mtime_ns for path in records(data_dir)]
    assert prepare_published("gopro", tree, data_dir, partial=True).startswith("exists already: gopro/blur")
    assert [os.stat(path).st_mtime_ns for path in records(data_dir)] == before


def test_partial_records_are_not_accepted_as_complete(tree, data_dir):
    prepare_published("gopro", tree, data_dir, partial=True)
    with pytest.raises(IcdpmError, match="gopro/blur/1.0.0 has a partial gopro"):
        prepare_published("gopro", tree, data_dir)


def test_realblur_and_reds_by_benchmark_names(tmp_path, published, data_dir):
    published.realblur(tmp_path / "realblur", "J", {"train": ["scene001/1"], "test": ["scene050/1"]})
    published.reds(tmp_path / "reds", "val")
    assert "realblur/j/1.0.0, 1 train, 1 test pairs" in prepare_published(
        "realblur_j", tmp_path / "realblur", data_dir, partial=True
    )
    assert "reds/val_blur_300/1.0.0, 2 test pairs" in prepare_published("reds", tmp_path / "reds", data_dir, partial=True)
    assert tfds.builder("realblur/j", data_dir=data_dir).info.splits["test"].num_examples == 1
    assert is_partial(data_dir, "realblur_j") and is_partial(data_dir, "realblur")


@pytest.mark.parametrize("name", ["kitti", "gopro/blurry", "realblur_j/r", "realblur/x", "hide/x"])
def test_unknown_names_are_errors(tree, data_dir, name):
    with pytest.raises(IcdpmError, match=f"must be one of .*Received: {name}"):
        prepare_published(name, tree, data_dir)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        tf.errors.ResourceExhaustedError(None, None, "x.tfrecord; No space left on device"),
    ],
)
def test_a_failing_writer_leaves_no_complete_records(tree, data_dir, monkeypatch, error):
    def write(writer, record):
        raise error

    monkeypatch.setattr(tf.io.TFRecordWriter, "write", write)
    with pytest.raises(IcdpmError, match="cannot be written: No space left on device. Nothing was kept"):
        prepare_published("gopro", tree, data_dir, partial=True)
    assert not records(data_dir)
    with pytest.raises(IcdpmError, match="has no records"):
        is_partial(data_dir, "gopro")


@pytest.mark.slow  # starts a process
def test_a_real_limit_of_file_sizes(tree, data_dir):
    script = f"""
        import resource
        import tensorflow  # before the limit, which its caches would exceed
        from icdpm_datasets.prepare.published import prepare_published
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        prepare_published("gopro", {str(tree)!r}, {str(data_dir)!r}, partial=True)
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert ran.returncode == 1
    assert "IcdpmError" in ran.stderr and "cannot be written: File too large" in ran.stderr
    assert not records(data_dir)


def test_an_interrupted_run_starts_again_and_leftovers_are_removed(tree, data_dir, monkeypatch):
    def interrupt(writer, record):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(tf.io.TFRecordWriter, "write", interrupt)
        prepare_published("gopro", tree, data_dir, partial=True)
    assert not records(data_dir)
    leftover = data_dir / "gopro/blur/incomplete.ABC123_1.0.0"
    leftover.mkdir()
    (leftover / "gopro-test.tfrecord-00000-of-00001").write_bytes(b"half")
    prepare_published("gopro", tree, data_dir, partial=True)
    assert sorted(path.name for path in (data_dir / "gopro/blur").iterdir()) == ["1.0.0"]


def test_checks_disk_space_before_writing(tree, data_dir, monkeypatch):
    def no_space(folder, size):
        raise IcdpmError(f"{folder}: {size} needed")

    monkeypatch.setattr("icdpm_datasets.published.builder.require_disk_space", no_space)
    size = sum(path.stat().st_size for side in ("blur", "sharp") for path in (tree / SEQUENCE / side).iterdir())
    with pytest.raises(IcdpmError, match=f"{data_dir}: {size} needed"):
        prepare_published("gopro", tree, data_dir, partial=True)


def test_many_shards_keep_the_order(tmp_path, published, data_dir, monkeypatch):
    published.gopro(tmp_path / "tree", [SEQUENCE, "test/GOPR0854_11_00"], frames=7)
    monkeypatch.setattr("icdpm_datasets.published.builder._SHARD_BYTES", 10_000)
    prepare_published("gopro", tmp_path / "tree", data_dir, partial=True)
    builder = tfds.builder("gopro", data_dir=data_dir)
    assert builder.info.splits["test"].num_shards > 3
    names = [example["name"].decode() for example in builder.as_dataset(split="test").as_numpy_iterator()]
    assert len(names) == 14 and names == sorted(names)


def test_importing_the_package_does_not_import_tensorflow():
    script = "import icdpm_datasets, sys; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
