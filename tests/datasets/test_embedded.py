"""The embedded pairs."""

import collections

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm_datasets import embedded
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.photos import PHOTOS


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def test_split(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICDPM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield EmbeddedPairs("test")


def psnr(a, b):
    return 10 * np.log10(255**2 / max(1e-6, np.mean((a.astype(float) - b) ** 2)))


def test_the_test_split(test_split):
    assert len(test_split) == 24 == len(set(test_split.names))
    assert {"deadleaves_00", "text_03", "photo_chelsea_1", "photo_camera_2"} <= set(test_split.names)
    assert test_split.sharp.shape == test_split.blurry.shape == (24, 256, 256, 3)
    assert test_split.sharp.dtype == test_split.blurry.dtype == np.uint8
    assert test_split.description == "embedded test pairs: 24 of 256×256 px"
    blurry, sharp = test_split.load(3)
    np.testing.assert_array_equal(blurry, test_split.blurry[3])
    np.testing.assert_array_equal(sharp, test_split.sharp[3])


def test_most_of_the_test_split_is_blurred_and_some_is_not(test_split):
    assert sum(5 <= row.extent <= 19 for row in embedded._TEST) >= 20
    for row, blurry, sharp in zip(embedded._TEST, test_split.blurry, test_split.sharp):
        if row.extent == 0:
            assert psnr(blurry, sharp) > 40
        else:
            assert 12 < psnr(blurry, sharp) < 36


def test_training_pairs_are_of_every_kind(monkeypatch):
    """Fractions of subjects, exposures and extents, without painting an image."""
    chosen = []
    monkeypatch.setattr(embedded, "_pair", lambda rng, *what: chosen.append(what))
    for index in range(1200):
        embedded._train_pair(index)
    splits, subjects, exposures, extents = zip(*chosen)
    assert set(splits) == {"train"}
    counts = collections.Counter(subjects)
    assert set(counts) == set(embedded._TRAIN_SUBJECTS)
    assert sum(counts[s] for s in counts if s.startswith("photo_")) / 1200 == pytest.approx(0.6, abs=0.04)
    extents = np.array(extents)
    assert (extents == 0).mean() == pytest.approx(0.06, abs=0.02)
    assert ((extents > 0) & (extents < 5)).mean() == pytest.approx(0.14, abs=0.03)
    assert extents.max() <= 21
    assert (extents > 18).any()
    moving = np.array(exposures)[extents > 0] == "objects"
    assert moving.mean() == pytest.approx(0.25, abs=0.04)


def test_the_splits_share_no_photo(monkeypatch):
    """Every photo in a pair, as background or on objects, belongs to its split."""
    used = {"train": set(), "test": set()}
    split = None
    crop = embedded.random_photo_crop

    def recording(rng, name, size):
        used[split].add(name)
        return crop(rng, name, size)

    monkeypatch.setattr(embedded, "random_photo_crop", recording)
    monkeypatch.setattr(embedded, "paint_scene", lambda rng, size, kind: np.zeros((size, size, 3), np.uint8))
    monkeypatch.setattr(embedded, "shake_scene", lambda *_: None)
    monkeypatch.setattr(embedded, "move_objects", lambda *_: None)
    for split, count in (("train", 150), ("test", 24)):
        for index in range(count):
            embedded._PAIR_MAKERS[split](index)
    for split in used:
        assert used[split] == {photo.name for photo in PHOTOS if photo.split == split}


def test_the_splits_share_no_random_stream():
    assert embedded._SEEDS["train"] != embedded._SEEDS["test"]
    states = {
        tuple(np.random.default_rng([seed, index]).integers(2**62, size=2))
        for seed in embedded._SEEDS.values()
        for index in range(1200)
    }
    assert len(states) == 2400


def test_pairs_are_reproducible_and_fewer_are_the_first_ones(folder):
    pairs = EmbeddedPairs("train", 6)
    assert pairs.names == [f"train_{index:04d}" for index in range(6)]
    assert pairs.sharp.shape == (6, 160, 160, 3)
    for file in folder.iterdir():
        file.unlink()
    again = EmbeddedPairs("train", 4)
    np.testing.assert_array_equal(again.blurry, pairs.blurry[:4])
    np.testing.assert_array_equal(again.sharp, pairs.sharp[:4])


def test_the_cache_returns_the_same_pairs(monkeypatch):
    pairs = EmbeddedPairs("train", 2)
    monkeypatch.setattr(embedded, "_make_pairs", lambda split, count: pytest.fail("made again"))
    again = EmbeddedPairs("train", 2)
    np.testing.assert_array_equal(again.blurry, pairs.blurry)
    assert again.names == pairs.names


def test_a_changed_generator_never_reads_an_old_cache(monkeypatch):
    before = embedded._generator_hash()
    assert before == embedded._generator_hash()
    monkeypatch.setattr(embedded, "_VERSION", embedded._VERSION + 1)
    assert embedded._generator_hash() != before
    monkeypatch.undo()
    monkeypatch.setattr(embedded.importlib.metadata, "version", lambda library: "0")
    assert embedded._generator_hash() != before
    monkeypatch.undo()
    read = embedded.pathlib.Path.read_bytes
    for name in ("motion.py", "paint.py", "photos.py"):
        monkeypatch.setattr(
            embedded.pathlib.Path, "read_bytes", lambda path, name=name: read(path) + b"#" * (path.name == name)
        )
        assert embedded._generator_hash() != before


def test_invalid_arguments_list_the_valid_ones():
    with pytest.raises(IcdpmError, match="must be one of train, test. Received: 'validation'"):
        EmbeddedPairs("validation")
    with pytest.raises(IcdpmError, match="test split has 24 pairs. Received: pairs=25"):
        EmbeddedPairs("test", 25)
    with pytest.raises(IcdpmError, match="too small for crops of 161 px"):
        EmbeddedPairs("train", 1).check_crop(161)
