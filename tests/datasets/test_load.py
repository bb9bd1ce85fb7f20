"""Loading of data by name."""

import numpy as np
import pytest
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm_datasets import embedded
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pairs import InMemory


def save_pair(folder, name):
    for side in ("blur", "sharp"):
        (folder / side).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / side / f"{name}.png")


def test_embedded(tmp_path, monkeypatch):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path))
    monkeypatch.setattr(embedded, "_TEST", embedded._TEST[:2])
    pairs = load_pairs("embedded", "test")
    assert pairs.names == ["photo_chelsea_1", "photo_chelsea_2"]
    assert isinstance(pairs, InMemory)


def test_a_folder(tmp_path):
    save_pair(tmp_path, "one")
    pairs = load_pairs(str(tmp_path), "train")
    assert pairs.names == load_pairs(str(tmp_path), "test").names == ["one"]
    assert not isinstance(pairs, InMemory)


def test_a_folder_with_splits(tmp_path):
    save_pair(tmp_path / "train", "one")
    save_pair(tmp_path / "test", "two")
    assert load_pairs(str(tmp_path), "train").names == ["one"]
    assert load_pairs(str(tmp_path), "test").names == ["two"]


def test_images_of_the_test_split_are_never_trained_on(tmp_path):
    for folder in (tmp_path, tmp_path / "test"):
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "one.png")
    assert load_pairs(f"shake:{tmp_path}", "test").names == ["one"]
    with pytest.raises(IcdpmError, match="has test/ but no train/, so training would use its test images"):
        load_pairs(f"shake:{tmp_path}", "train")


def test_a_folder_may_have_a_comma_in_its_name(tmp_path):
    save_pair(tmp_path / "mine, old", "one")
    assert load_pairs(str(tmp_path / "mine, old"), "train").names == ["one"]
    assert load_pairs(f"shake:{tmp_path}/mine, old/sharp", "train").names == ["one"]


def test_unknown_data_list_the_known_names(tmp_path):
    with pytest.raises(IcdpmError, match=r"embeded is neither a known data set \(embedded.*\) nor a folder"):
        load_pairs("embeded", "train")
