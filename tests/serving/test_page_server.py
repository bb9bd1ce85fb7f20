"""What the page's server does besides showing the page."""

import os
import socket
import time

import pytest

from icdpm.errors import IcdpmError
from icdpm.serving.page_server import check_address, delete_old


def test_old_files_are_deleted_wherever_they_lie(tmp_path):
    for name, age in [("a/b/old.png", 61), ("older.jpg", 3600), ("a/new.png", 30)]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    delete_old(tmp_path, 60)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["new.png"]


def test_an_address_is_free_or_the_error_says_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        with pytest.raises(IcdpmError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)
