"""Pictures of which a bounded number stays decoded."""

import threading

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm_datasets import kept_pictures
from icdpm_datasets.kept_pictures import KeptPictures


@pytest.fixture
def paths(tmp_path, picture):
    paths = [tmp_path / f"{k}.png" for k in range(6)]
    for k, path in enumerate(paths):
        picture(path, np.full((20, 30, 3), 10 * k, np.uint8))
    return paths


def kept(pictures, paths):
    return [pictures.read(path) is pictures.read(path) for path in paths]


def test_the_first_ones_are_kept_until_the_room_is_full(paths, monkeypatch):
    monkeypatch.setattr(kept_pictures, "_ROOM", 2 * 20 * 30 * 3)
    pictures = KeptPictures(paths)
    assert kept(pictures, paths) == [True, True, False, False, False, False]
    assert kept(pictures, paths) == [True, True, False, False, False, False]
    for k, path in enumerate(paths):
        assert pictures.read(path).shape == (20, 30, 3) and np.unique(pictures.read(path)) == [10 * k]


def test_what_is_kept_cannot_be_changed(paths):
    with pytest.raises(ValueError, match="read-only"):
        KeptPictures(paths).read(paths[0])[0, 0] = 0


def test_several_threads_never_keep_more_than_there_is_room_for(paths, monkeypatch):
    monkeypatch.setattr(kept_pictures, "_ROOM", 2 * 20 * 30 * 3)
    pictures, together = KeptPictures(paths), threading.Barrier(6)
    read = kept_pictures.read_picture
    monkeypatch.setattr(kept_pictures, "read_picture", lambda path: together.wait(10) and None or read(path))
    threads = [threading.Thread(target=pictures.read, args=(path,)) for path in paths[:3] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.setattr(kept_pictures, "read_picture", read)
    assert sum(kept(pictures, paths)) == 2


def test_sizes_are_known_without_decoding(paths, monkeypatch):
    monkeypatch.delattr(kept_pictures, "read_picture")
    pictures = KeptPictures(paths)
    assert pictures.sizes == {path: (30, 20) for path in paths}
    pictures.check_crop(20)
    with pytest.raises(IcdpmError, match="0.png is 30×20 px, too small for crops of 21 px: remove it or use smaller crops"):
        pictures.check_crop(21)
