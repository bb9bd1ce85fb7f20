"""The table of published data sets."""

import pytest
import tensorflow_datasets as tfds

import icdpm_datasets  # noqa: F401
from icdpm.errors import IcdpmError
from icdpm_datasets.published.sets import NAMES, PUBLISHED, is_recorded, overview, tfds_name


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_every_set_has_its_builder_with_its_variants(entry):
    builder = tfds.builder_cls(entry.name)
    assert builder.published is entry
    assert [config or "" for config in builder.builder_configs or [""]] == list(entry.variants)
    assert entry.default_layout.page in builder.MANUAL_DOWNLOAD_INSTRUCTIONS


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_every_benchmark_has_its_splits(entry):
    for benchmark in entry.benchmarks.values():
        assert "train" in entry.variants[benchmark.train].layout.counts
        assert "test" in entry.variants[benchmark.test].layout.counts


@pytest.mark.parametrize(
    "name, split, expected",
    [
        ("gopro", "train", "gopro/blur"),
        ("gopro/blur_gamma", "test", "gopro/blur_gamma"),
        ("hide", "train", "hide"),
        ("realblur", "test", "realblur/j"),
        ("realblur_r", "test", "realblur/r"),
        ("reds", "train", "reds/train_blur"),
        ("reds", "test", "reds/val_blur_300"),
        ("reds/val_blur", "validation", "reds/val_blur"),
        ("records", "train", "records"),
        ("records/street", "test", "records/street"),
    ],
)
def test_names_and_tfds_names(name, split, expected):
    assert is_recorded(name) and tfds_name(name, split) == expected


def test_other_names():
    assert not is_recorded("gopro2/blur") and not is_recorded("./gopro")
    with pytest.raises(IcdpmError, match="must be one of gopro, hide, realblur_j, realblur_r, reds. Received: kitti"):
        tfds_name("kitti")
    with pytest.raises(IcdpmError, match="must be one of realblur/j, realblur/r. Received: realblur/x"):
        tfds_name("realblur/x")


def test_the_overview_has_every_set():
    text = overview()
    assert all(name in text for name in NAMES)
    assert all(entry.default_layout.page in text for entry in PUBLISHED)
    assert "(variants blur, blur_gamma)" in text
