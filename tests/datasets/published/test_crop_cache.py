"""Recorded data sets as sources, and the cache of their training crops."""

import errno
import fcntl
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pairs import Mixture, load_crop
from icdpm_datasets.pipeline import training_dataset
from icdpm_datasets.prepare.published import prepare_published
from icdpm_datasets.published import archives
from icdpm_datasets.published import builder as builder_module
from icdpm_datasets.published.crop_cache import STRIP, CropCache, CropFile, laid_out_bytes, write_crop_file
from icdpm_datasets.published.recorded import RecordedPairs
from icdpm_datasets.published.records import index_records

TRAINING, TEST = ("train/GOPR0372_07_00", "train/GOPR0384_11_01"), ("test/GOPR0384_11_00",)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, published):
    """Folder with records of GoPro with 80 training pairs in several files, and its tree."""
    root = tmp_path_factory.mktemp("gopro")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder_module, "_SHARD_BYTES", 60_000)
        published.gopro(root / "tree", TRAINING, frames=40)
        published.gopro(root / "tree", TEST, frames=3)
        prepare_published("gopro", root / "tree", root / "records", partial=True)
    return root


@pytest.fixture
def data_dir(recorded, tmp_path):
    """A copy of the records, without strips, to modify."""
    shutil.copytree(recorded / "records", tmp_path / "records", ignore=shutil.ignore_patterns("strips", "downloads"))
    return tmp_path / "records"


def strip_files(data_dir):
    return sorted((data_dir / "gopro/blur/1.0.0/strips").glob("*.strips"))


def written(data_dir):
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in strip_files(data_dir)}


def crops(source, seed=0, crop=16):
    bits = np.random.default_rng(seed).integers(0, 2**31, (len(source), 3))
    return np.stack([np.stack(load_crop(source, index, crop, bits[index])) for index in range(len(source))])


def test_the_test_split_has_whole_images_in_the_published_order(recorded):
    pairs = load_pairs("gopro", "test", recorded / "records")
    assert pairs.names == [f"GOPR0384_11_00/{number:06d}" for number in (1, 2, 3)]
    for name, index in zip(pairs.names, range(3)):
        sequence, frame = name.split("/")
        for side, pixels in zip(("blur", "sharp"), pairs.load(index)):
            file = recorded / "tree/test" / sequence / side / f"{frame}.png"
            np.testing.assert_array_equal(pixels, np.asarray(Image.open(file)))


def test_the_description_has_variant_and_subset(recorded):
    description = load_pairs("gopro/blur", "test", recorded / "records").description
    assert "3 test pairs of gopro/blur (partial: not the benchmark)" in description


def test_crops_from_strips_equal_those_from_records(recorded):
    records = RecordedPairs("gopro", "train", recorded / "records")
    pairs = load_pairs("gopro", "train", recorded / "records")
    assert isinstance(pairs, CropCache) and len(pairs._files) > 3
    assert pairs.names == records.names and len(pairs) == 80
    np.testing.assert_array_equal(crops(pairs), crops(records))
    settings = dict(batch=16, crop=16, seed=5, steps=3)
    for one, other in zip(*(training_dataset(source, **settings).as_numpy_iterator() for source in (pairs, records))):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_a_batch_shows_different_frames(recorded):
    pairs = load_pairs("gopro", "train", recorded / "records")
    shown = {}
    for index in range(len(pairs)):  # noise: any piece of it is found in one image only
        sharp = pairs.load(index)[1]
        for top, left in np.ndindex(sharp.shape[0] - 7, sharp.shape[1] - 7):
            shown[sharp[top : top + 8, left : left + 8].tobytes()] = index
    batch = next(training_dataset(pairs, batch=80, crop=8, seed=1, augment=False).as_numpy_iterator())
    frames = [shown[np.rint((sharp + 1) * 127.5).astype(np.uint8).tobytes()] for sharp in batch["sharp"]]
    assert len(set(frames)) == 80


def test_strips_are_made_once(data_dir):
    CropCache("gopro", "train", data_dir)
    before = written(data_dir)
    CropCache("gopro", "train", data_dir)
    assert before and written(data_dir) == before


def test_an_interrupted_layout_continues(data_dir, monkeypatch):
    load, loaded = RecordedPairs.load, []

    def interrupted(self, index):
        loaded.append(index)
        if len(loaded) == 60:
            raise KeyboardInterrupt
        return load(self, index)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(CropCache, "load", interrupted)
        CropCache("gopro", "train", data_dir)
    before = written(data_dir)
    folder = data_dir / "gopro/blur/1.0.0/strips"
    assert before and {path.name for path in folder.iterdir()} == {*before}
    pairs = CropCache("gopro", "train", data_dir)
    assert before.items() < written(data_dir).items()
    np.testing.assert_array_equal(crops(pairs), crops(RecordedPairs("gopro", "train", data_dir)))


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: b"", lambda data: data[:9] + data[10:]])
def test_a_damaged_file_is_made_again(data_dir, damage, capsys):
    CropCache("gopro", "train", data_dir)
    before, file = written(data_dir), strip_files(data_dir)[1]
    file.write_bytes(damage(file.read_bytes()))
    capsys.readouterr()
    pairs = CropCache("gopro", "train", data_dir)
    assert f"{file} is damaged" in capsys.readouterr().err
    changed = {name for name, state in written(data_dir).items() if state != before[name]}
    assert changed == {file.name}
    np.testing.assert_array_equal(crops(pairs), crops(RecordedPairs("gopro", "train", data_dir)))


def test_strips_of_other_records_are_made_again(data_dir, tmp_path, published, monkeypatch):
    monkeypatch.setattr(builder_module, "_SHARD_BYTES", 60_000)
    CropCache("gopro", "train", data_dir)
    before = written(data_dir)
    # The same names and counts, but other images.
    published.gopro(tmp_path / "tree", TRAINING, frames=40)
    records = data_dir / "gopro/blur/1.0.0"
    for path in records.glob("*.*"):
        path.unlink()
    shutil.move(records / "strips", tmp_path / "strips")
    records.rmdir()
    prepare_published("gopro", tmp_path / "tree", data_dir, partial=True)
    shutil.move(tmp_path / "strips", records / "strips")
    pairs = CropCache("gopro", "train", data_dir)
    np.testing.assert_array_equal(crops(pairs), crops(RecordedPairs("gopro", "train", data_dir)))
    assert not set(before.items()) & set(written(data_dir).items())


def test_disk_space_is_checked_beforehand(data_dir, monkeypatch):
    usage = shutil.disk_usage(data_dir)._replace(free=1000)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(IcdpmError, match="strips needs .* MB, but its disk has 0 MB free"):
        CropCache("gopro", "train", data_dir)
    assert strip_files(data_dir) == []


def test_a_full_disk_leaves_no_complete_file(data_dir, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(IcdpmError, match="cannot write .*strips: No space left on device"):
        patch.setattr(os, "fsync", full)
        CropCache("gopro", "train", data_dir)
    assert strip_files(data_dir) == []


def test_leftovers_of_a_killed_process_are_removed(data_dir):
    folder = data_dir / "gopro/blur/1.0.0/strips"
    folder.mkdir()
    (folder / ".0123456789abcdef-gopro-train.tfrecord-00000.strips").write_bytes(b"half")
    CropCache("gopro", "train", data_dir)
    assert {path.name for path in folder.iterdir()} == {*written(data_dir)}


def test_waits_for_another_process(data_dir, capsys):
    folder = data_dir / "gopro/blur/1.0.0/strips"
    folder.mkdir()
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        opened = threading.Thread(target=CropCache, args=("gopro", "train", data_dir))
        opened.start()
        time.sleep(0.3)
        assert strip_files(data_dir) == []
    opened.join(20)
    assert strip_files(data_dir)
    assert "waiting for another process" in capsys.readouterr().err


def test_strips_of_records_on_a_read_only_disk_are_in_the_cache(data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path / "cache"))
    # Tests may run as root, who may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK or not Path(path).is_relative_to(data_dir))
    pairs = load_pairs("gopro", "train", data_dir)
    strips = list((tmp_path / "cache").rglob("*.strips"))
    assert strips and not list(Path(data_dir).rglob("*.strips"))
    made = strips[0].stat().st_mtime_ns
    again = load_pairs("gopro", "train", data_dir)
    assert strips[0].stat().st_mtime_ns == made
    for one, other in zip(load_crop(pairs, 0, 16, np.zeros(3, np.int64)), load_crop(again, 0, 16, np.zeros(3, np.int64))):
        np.testing.assert_array_equal(one, other)


def test_a_folder_that_cannot_be_written_is_named(data_dir):
    (data_dir / "gopro/blur/1.0.0/strips").write_text("in the way")
    with pytest.raises(IcdpmError, match="strips cannot be written"):
        CropCache("gopro", "train", data_dir)


@pytest.mark.parametrize("split", ["train", "test"])
def test_missing_records_name_the_command(tmp_path, split):
    with pytest.raises(IcdpmError, match=f"icdpm-prepare hide --source=ARCHIVE_OR_FOLDER --data_dir={tmp_path}$"):
        load_pairs("hide", split, tmp_path)


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


def test_images_of_several_sizes(tmp_path, published):
    names = [f"scene{k:03d}/{k}" for k in range(6)]
    published.realblur(tmp_path / "tree", "J", {"train": names, "test": ["scene100/1"]})
    prepare_published("realblur_j", tmp_path / "tree", tmp_path / "records", partial=True)
    pairs = load_pairs("realblur_j", "train", tmp_path / "records")
    assert pairs.sizes == [(24, 32 + k) for k in range(6)]
    np.testing.assert_array_equal(crops(pairs), crops(RecordedPairs("realblur_j", "train", tmp_path / "records")))


def test_crops_that_do_not_fit_are_refused(recorded):
    pairs = load_pairs("gopro", "train", recorded / "records")
    pairs.check_crop(24)
    with pytest.raises(IcdpmError, match="GOPR0372_07_00/000001 is 32×24 px, too small for crops of 25"):
        pairs.check_crop(25)


def test_mixed_with_others(recorded):
    data = "gopro:0.9,gopro/blur:0.1"
    mixture = load_pairs(data, "train", recorded / "records")
    assert isinstance(mixture, Mixture) and mixture.counts == [80, 80]
    batch = next(training_dataset(mixture, batch=8, crop=16, seed=0).as_numpy_iterator())
    assert batch["sharp"].shape == (8, 16, 16, 3)


def test_truncated_records_are_named(data_dir):
    file = sorted((data_dir / "gopro/blur/1.0.0").glob("*train.tfrecord*"))[0]
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(IcdpmError, match=f"{file} is damaged .*Remove its folder and run icdpm-prepare again"):
        load_pairs("gopro", "train", data_dir)


def test_a_damaged_image_in_the_records_is_named(data_dir):
    file = sorted((data_dir / "gopro/blur/1.0.0").glob("*train.tfrecord*"))[0]
    pair = index_records(file)[0][0]
    data = bytearray(file.read_bytes())
    data[pair.blurry[0] + 60 : pair.blurry[0] + 300] = bytes(240)
    file.write_bytes(data)
    with pytest.raises(IcdpmError, match="GOPR0372_07_00/000001 cannot be read"):
        load_pairs("gopro", "train", data_dir)
    assert strip_files(data_dir) == []


SIZES = [(40, 3 * STRIP), (33, 2 * STRIP + 5), (50, 41)]


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    return [tuple(rng.integers(0, 256, (2, *size, 3), np.uint8)) for size in SIZES]


@pytest.fixture
def path(tmp_path, pairs):
    write_crop_file(tmp_path / "a.strips", "made from this", pairs)
    return tmp_path / "a.strips"


def test_every_crop_equals_that_of_the_images(path, pairs):
    file = CropFile(path)
    assert file.fingerprint == "made from this" and file.sizes == SIZES
    rng = np.random.default_rng(1)
    for index, pair in enumerate(pairs):
        height, width = SIZES[index]
        corners = [(0, 0), (height - 32, width - 32)]
        corners += [(rng.integers(height - 31), rng.integers(width - 31)) for _ in range(50)]
        for top, left in corners:
            expected = np.stack(pair)[:, top : top + 32, left : left + 32]
            np.testing.assert_array_equal(file.read_crop(index, top, left, 32), expected)


def test_the_size_is_known_beforehand(path):
    assert sum(map(laid_out_bytes, SIZES)) < path.stat().st_size < sum(map(laid_out_bytes, SIZES)) + 500


@pytest.mark.parametrize("left", [0, 10, 5000, -1])
def test_a_truncated_file_is_refused(path, left):
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ValueError, match="it has no table"):
        CropFile(path)


@pytest.mark.parametrize("place, what", [(-4, "no table"), (-40, "no table"), ("last pair", "last pair has changed")])
def test_a_changed_byte_is_noticed(path, place, what):
    data = bytearray(path.read_bytes())
    data[sum(map(laid_out_bytes, SIZES)) - 9 if place == "last pair" else place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=what):
        CropFile(path)


def test_pairs_that_are_missing_in_the_middle_are_noticed(path):
    data = path.read_bytes()
    path.write_bytes(data[laid_out_bytes(SIZES[0]) :])
    with pytest.raises(ValueError, match="its length"):
        CropFile(path)


def test_a_failure_leaves_no_file(tmp_path, pairs):
    def failing():
        yield pairs[0]
        raise IcdpmError("damaged")

    with pytest.raises(IcdpmError, match="damaged"):
        write_crop_file(tmp_path / "b.strips", "x", failing())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, pairs, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(IcdpmError, match="cannot write .*b.strips: No space left on device"):
        write_crop_file(tmp_path / "b.strips", "x", pairs)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_shrinks_or_vanishes_is_named(path):
    file = CropFile(path)
    path.write_bytes(b"")
    with pytest.raises(IcdpmError, match="a.strips was truncated"):
        file.read_crop(0, 0, 0, 16)
    path.unlink()
    with pytest.raises(IcdpmError, match="a.strips cannot be read .No such file"):
        file.read_crop(0, 0, 0, 16)
