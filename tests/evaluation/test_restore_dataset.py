"""Tests of the restoration of a data set into a folder."""

import os

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.evaluation.pairing import pair_with_source
from icdpm.evaluation.restore_dataset import restore_dataset
from icdpm.models.registry import build_model
from icdpm.restoration.restore import restore


@pytest.fixture
def model(micro_model):
    return micro_model


@pytest.fixture
def pairs(random_pairs):
    random_pairs.names = [f"scene/{name}" for name in random_pairs.names[:3]]
    return random_pairs


def test_missing_images_are_restored(model, pairs, tmp_path, monkeypatch):
    settings = model.settings(samples=2)
    making = restore_dataset(model, pairs, settings, 5, tmp_path / "ours")
    assert "samples 2" in making and "seed 5" in making
    restored = pair_with_source({"ours": tmp_path / "ours"}, pairs).methods["ours"]
    expected = [restore(model, pairs.blurry[i], settings, seed=5).pixels for i in range(3)]
    assert all(np.array_equal(restored[name].read(), each) for name, each in zip(pairs.names, expected))

    (tmp_path / "ours" / "scene" / "pair_1.png").unlink()
    loaded = []
    load = pairs.load
    monkeypatch.setattr(pairs, "load", lambda index: loaded.append(index) or load(index))
    assert restore_dataset(model, pairs, settings, 5, tmp_path / "ours") == making
    assert loaded == [1] and np.array_equal(restored["scene/pair_1"].read(), expected[1])


def test_an_image_whose_blurry_file_changed_is_restored_again(model, pairs, tmp_path, monkeypatch):
    pairs.files = lambda index: [tmp_path / f"{index}.png"]
    for file in (file for index in range(3) for file in pairs.files(index)):
        file.touch()
    restore_dataset(model, pairs, model.settings(), 0, tmp_path / "ours")
    loaded = []
    load = pairs.load
    monkeypatch.setattr(pairs, "load", lambda index: loaded.append(index) or load(index))
    restored = (tmp_path / "ours/scene/pair_2.png").stat().st_mtime
    os.utime(tmp_path / "2.png", (restored + 1, restored + 1))
    restore_dataset(model, pairs, model.settings(), 0, tmp_path / "ours")
    assert loaded == [2]


def test_an_error_of_one_image_does_not_stop_the_others(model, pairs, tmp_path, monkeypatch):
    load = pairs.load

    def damaged(index):
        if index == 1:
            raise IcdpmError("pair_1.png cannot be read")
        return load(index)

    monkeypatch.setattr(pairs, "load", damaged)
    words = "1 of 3 images could not be restored:\n  scene/pair_1: pair_1.png cannot be read"
    with pytest.raises(IcdpmError, match=f"^{words}$"):
        restore_dataset(model, pairs, model.settings(), 0, tmp_path)
    assert sorted(path.name for path in (tmp_path / "scene").iterdir()) == ["pair_0.png", "pair_2.png"]


def test_images_of_other_settings_are_not_mixed(model, pairs, micro_config, tmp_path):
    settings = model.settings()
    restore_dataset(model, pairs, settings, 0, tmp_path)
    trained = build_model(micro_config)
    trained.set_weights([array + 1 for array in model.get_weights()])
    for other, changed, seed, words in [
        (model, model.settings(samples=2), 0, "restored with different settings \\(samples\\)."),
        (model, settings, 1, "restored with different settings \\(seed\\)."),
        (trained, settings, 0, "restored with different settings \\(weights\\)."),
    ]:
        with pytest.raises(IcdpmError, match=words):
            restore_dataset(other, pairs, changed, seed, tmp_path)
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(IcdpmError, match="settings.json is damaged. Delete"):
        restore_dataset(model, pairs, settings, 0, tmp_path)
