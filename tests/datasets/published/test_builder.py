"""Conventions of TFDS that the builders follow."""

import importlib
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

import icdpm_datasets  # noqa: F401
from icdpm_datasets.published.recorded import RecordedPairs
from icdpm_datasets.published.sets import PUBLISHED

TRAIN, TEST = "train/GOPR0372_07_00", "test/GOPR0384_11_00"


@pytest.fixture
def tree(tmp_path, published):
    return published.gopro(tmp_path / "GOPRO_Large", [TRAIN, TEST])


def config(tree, **options):
    return tfds.download.DownloadConfig(manual_dir=tree, try_download_gcs=False, **options)


def test_max_examples_per_split_records_a_subset(tree, tmp_path):
    builder = tfds.builder("gopro", data_dir=tmp_path / "records")  # refuses an incomplete tree without the limit
    builder.download_and_prepare(download_config=config(tree, max_examples_per_split=2))
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {"train": 2, "test": 2}
    assert builder.info.metadata["partial"] and builder.info.metadata["counts"] == {"train": 2, "test": 2}
    pairs = RecordedPairs("gopro", "test", tmp_path / "records")
    assert pairs.names == ["GOPR0384_11_00/000001", "GOPR0384_11_00/000002"]


def test_overwriting_records_the_present_files(tree, tmp_path, published):
    builder = tfds.builder("gopro", data_dir=tmp_path / "records", partial=True)
    builder.download_and_prepare(download_config=config(tree))
    published.gopro(tree, ["test/GOPR0854_11_00"])
    builder.download_and_prepare(download_config=config(tree))
    assert len(RecordedPairs("gopro", "test", tmp_path / "records")) == 3
    overwrite = tfds.download.GenerateMode.REUSE_CACHE_IF_EXISTS  # as `tfds build --overwrite`
    builder.download_and_prepare(download_config=config(tree, download_mode=overwrite))
    assert len(RecordedPairs("gopro", "test", tmp_path / "records")) == 6


@pytest.mark.parametrize("name", [each.name for each in PUBLISHED])
def test_a_builder_can_be_imported_by_its_path(name, monkeypatch):
    registered = tfds.builder_cls(name)
    monkeypatch.syspath_prepend(registered.code_path.parents[1])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))  # forgets the second module after the test
    module = importlib.import_module(f"{name}.{name}_dataset_builder")
    assert module.Builder.name == name and module.Builder is not registered
    assert tfds.builder_cls(name) is registered


def test_tfds_reads_the_known_checksums():
    known = {
        (name, info.filename): info.checksum for name in ("gopro", "reds") for info in tfds.builder_cls(name).url_infos.values()
    }
    assert len(known) == 5
    archives = {(each.name, a.name): a for each in PUBLISHED for v in each.variants.values() for a in v.layout.archives}
    assert {key: archive.sha256 for key, archive in archives.items() if archive.sha256} == known


def test_supervised_pairs_are_blurry_and_sharp(tree, tmp_path):
    builder = tfds.builder("gopro", data_dir=tmp_path / "records", partial=True)
    builder.download_and_prepare(download_config=config(tree))
    pairs = RecordedPairs("gopro", "test", tmp_path / "records")
    dataset = tfds.load("gopro", split="test", data_dir=tmp_path / "records", as_supervised=True)
    for index, images in enumerate(dataset.as_numpy_iterator()):
        np.testing.assert_array_equal(images, pairs.load(index))
