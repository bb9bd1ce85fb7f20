"""Loading of data by name."""

import numpy as np
import pytest
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm_datasets import embedded
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pairs import InMemory, MissingSplitError


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


@pytest.mark.parametrize(("only", "missing"), [("test", "train"), ("train", "test")])
def test_images_of_one_split_are_not_used_as_the_other(only, missing, tmp_path):
    save_pair(tmp_path / only, "one")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "two.png")
    for data in (f"shake:{tmp_path}", str(tmp_path)):
        assert len(load_pairs(data, only))
        with pytest.raises(MissingSplitError, match=f"{tmp_path} has {only}/ but no {missing}/"):
            load_pairs(data, missing)


def test_pairs_beside_a_split_are_the_other_split(tmp_path):
    save_pair(tmp_path, "one")
    save_pair(tmp_path / "test", "two")
    assert load_pairs(str(tmp_path), "train").names == ["one"]
    assert load_pairs(str(tmp_path), "test").names == ["two"]


def test_a_folder_may_have_a_comma_in_its_name(tmp_path):
    save_pair(tmp_path / "mine, old", "one")
    assert load_pairs(str(tmp_path / "mine, old"), "train").names == ["one"]
    assert load_pairs(f"shake:{tmp_path}/mine, old/sharp", "train").names == ["one"]


def test_unknown_data_list_the_known_names(tmp_path):
    with pytest.raises(IcdpmError, match=r"embeded is neither a known data set \(embedded.*\) nor a folder"):
        load_pairs("embeded", "train")
