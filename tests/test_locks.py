"""One process at a time."""

import subprocess
import sys

import pytest

from icdpm.locks import locked

HOLD = """
import sys
from icdpm.locks import locked
with locked(sys.argv[1], None):
    print("held", flush=True)
    sys.stdin.read()
"""


class Held(Exception):
    pass


def refuse():
    raise Held


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock; what it waits for is the end of its input."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "folder/.lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process


def test_a_lock_that_is_held_is_refused_or_waited_for(tmp_path, holder):
    path = tmp_path / "folder/.lock"
    with pytest.raises(Held), locked(path, refuse):
        pytest.fail("another process holds it")
    with locked(path, holder.stdin.close):
        assert holder.wait(10) == 0


def test_a_lock_ends_with_its_block_and_with_its_process(tmp_path, holder):
    path = tmp_path / "folder/.lock"
    holder.kill()
    holder.wait()
    for _ in range(2):
        with locked(path, refuse):
            pass
    with pytest.raises(ValueError), locked(path, refuse):
        raise ValueError
    with locked(path, refuse), pytest.raises(Held), locked(path, refuse):
        pytest.fail("this process holds it already")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError), locked(tmp_path / "file/.lock", refuse):
        pytest.fail("there is no such folder")
