"""What the page's server does besides showing the page."""

import os
import socket
import time

import pytest

from icdpm.serving.page_server import delete_old, notice_vanished


def test_old_files_are_deleted_wherever_they_lie(tmp_path):
    (tmp_path / "empty").mkdir()
    for name, age in [("a/b/old.png", 61), ("older.jpg", 3600), ("a/new.png", 30)]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    os.utime(tmp_path / "empty", (time.time() - 61,) * 2)
    delete_old(tmp_path, 60)
    assert not (tmp_path / "empty").exists()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["new.png"]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="no such option here: the system decides")
def test_who_vanishes_without_a_word_is_noticed():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        notice_vanished([listening])
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
