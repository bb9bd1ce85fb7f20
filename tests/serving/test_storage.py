"""How much is kept."""

import pytest

from icdpm.errors import IcdpmError
from icdpm.serving.storage import Storage


def test_room_for_bytes_that_lie_there_and_bytes_to_come(tmp_path):
    (tmp_path / "a").mkdir()
    storage = Storage(tmp_path, 10_000 + sum(path.stat().st_size for path in tmp_path.iterdir()), 10)
    (tmp_path / "a/photo").write_bytes(bytes(6000))
    with storage.room(3000):
        with pytest.raises(IcdpmError, match="this page holds as many photos as it may"), storage.room(2000):
            raise AssertionError("there was room")
    with storage.room(4000):
        pass


def test_room_for_files_and_folders(tmp_path):
    storage = Storage(tmp_path, 10**9, 4)
    for name in ["a", "b", "c"]:
        (tmp_path / name).mkdir()
    with storage.room(0):
        (tmp_path / "a/photo").touch()
    with pytest.raises(IcdpmError), storage.room(0):
        raise AssertionError("there was room")
