"""Tests of icdpm.files."""

import os
import subprocess
import sys

import pytest

from icdpm.errors import IcdpmError
from icdpm.files import file_lock, make_folder_atomically, write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_complete_with_ordinary_permissions(tmp_path):
    target = tmp_path / "out" / "weights.h5"
    with write_atomically(target) as temporary:
        temporary.write_bytes(b"new")
        assert temporary.parent == target.parent
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert names(target.parent) == ["weights.h5"]
    (tmp_path / "ordinary").touch()
    assert target.stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    target = tmp_path / "private.png"
    target.touch(0o600)
    with write_atomically(target) as temporary:
        temporary.write_bytes(b"new")
    assert target.read_bytes() == b"new" and target.stat().st_mode & 0o777 == 0o600


def test_temporary_name_keeps_the_suffix(tmp_path):
    with write_atomically(tmp_path / "icdpm.weights.h5") as temporary:
        assert temporary.name.endswith(".weights.h5")


def test_the_longest_possible_name_can_be_written(tmp_path):
    target = tmp_path / ("x" * 251 + ".png")
    with write_atomically(target) as temporary:
        temporary.write_bytes(b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_failure_keeps_the_earlier_file(tmp_path, failure):
    target = tmp_path / "photo.png"
    target.write_bytes(b"old")
    with pytest.raises(failure), write_atomically(target) as temporary:
        temporary.write_bytes(b"half")
        raise failure
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["photo.png"]


def test_full_disk_is_an_error_and_keeps_the_earlier_file(tmp_path):
    target = tmp_path / "photo.png"
    target.write_bytes(b"old")
    program = f"""
import resource
from icdpm.errors import IcdpmError
from icdpm.files import make_folder_atomically, write_atomically

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with write_atomically({str(target)!r}) as temporary:
        temporary.write_bytes(bytes(100_000))
except IcdpmError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"cannot write {target}: File too large\n"
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["photo.png"]


@pytest.mark.parametrize("write", [write_atomically, make_folder_atomically])
def test_error_of_another_file_keeps_its_name(tmp_path, write):
    missing = tmp_path / "missing.png"
    with pytest.raises(FileNotFoundError) as caught, write(tmp_path / "photo.png"):
        missing.read_bytes()
    assert caught.value.filename == str(missing)
    assert names(tmp_path) == []


def test_error_names_a_folder_that_cannot_be_created(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(IcdpmError, match="cannot write in the folder .*file/out: Not a directory"):
        with write_atomically(tmp_path / "file" / "out" / "photo.png"):
            pytest.fail("the block must not run")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write in any folder")
def test_error_names_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(IcdpmError, match="cannot write in the folder .*: Permission denied"):
        with write_atomically(tmp_path / "photo.png"):
            pytest.fail("the block must not run")


@pytest.mark.parametrize("target", ["/dev/null", "."])
def test_only_regular_files_are_replaced(target):
    with pytest.raises(IcdpmError, match="not a regular file"):
        with write_atomically(target):
            pytest.fail("the block must not run")


def test_link_stays_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "photo.png"
    link.symlink_to(tmp_path / "elsewhere" / "photo.png")
    with write_atomically(link) as temporary:
        temporary.write_bytes(b"new")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "photo.png").read_bytes() == b"new"


def test_circular_link_is_replaced(tmp_path):
    circle = tmp_path / "circle.txt"
    circle.symlink_to("circle.txt")
    with write_atomically(circle) as temporary:
        temporary.write_text("whole")
    assert circle.read_text() == "whole" and not circle.is_symlink()


def test_folder_is_complete_or_absent(tmp_path):
    target = tmp_path / "models" / "1"
    with pytest.raises(RuntimeError), make_folder_atomically(target) as folder:
        (folder / "half").touch()
        raise RuntimeError
    assert list(target.parent.iterdir()) == []
    with make_folder_atomically(target) as folder:
        (folder / "whole").touch()
        assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == ["1"] and (target / "whole").exists()
    # An existing folder is not replaced, even if it appears during the block.
    with pytest.raises(IcdpmError, match="1 already exists"), make_folder_atomically(target):
        pytest.fail("nothing is to be made")
    with pytest.raises(IcdpmError, match="2 already exists"), make_folder_atomically(tmp_path / "2"):
        (tmp_path / "2").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(IcdpmError, match="cannot write in the folder"), make_folder_atomically(tmp_path / "file" / "1"):
        pytest.fail("nothing can be made")


HOLD = """
import sys
from icdpm.files import file_lock
with file_lock(sys.argv[1], None):
    print("held", flush=True)
    sys.stdin.read()
"""


class Held(Exception):
    pass


def raise_held():
    raise Held


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until its stdin is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "folder/.lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process


def test_held_lock_raises_or_waits(tmp_path, holder):
    path = tmp_path / "folder/.lock"
    with pytest.raises(Held), file_lock(path, raise_held):
        pytest.fail("another process holds it")
    with file_lock(path, holder.stdin.close):
        assert holder.wait(10) == 0


def test_lock_ends_with_its_block_and_with_its_process(tmp_path, holder):
    path = tmp_path / "folder/.lock"
    holder.kill()
    holder.wait()
    for _ in range(2):
        with file_lock(path, raise_held):
            pass
    with pytest.raises(ValueError), file_lock(path, raise_held):
        raise ValueError
    with file_lock(path, raise_held), pytest.raises(Held), file_lock(path, raise_held):
        pytest.fail("this process holds it already")


def test_lock_leaves_no_file(tmp_path):
    path = tmp_path / "folder/.lock"
    with file_lock(path, raise_held):
        assert path.exists()
    with pytest.raises(ValueError), file_lock(path, raise_held):
        raise ValueError
    assert path.parent.is_dir() and not path.exists()


def test_lock_is_held_by_one_process_at_a_time_though_its_file_is_removed(tmp_path):
    count = """
import sys
from icdpm.files import file_lock
for _ in range(200):
    with file_lock(sys.argv[1] + "/.lock", None):
        with open(sys.argv[1] + "/count", "r+") as file:
            number = int(file.read())
            file.seek(0)
            file.write(str(number + 1))
"""
    (tmp_path / "count").write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", count, tmp_path]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "600" and not (tmp_path / ".lock").exists()


def test_lock_in_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError), file_lock(tmp_path / "file/.lock", raise_held):
        pytest.fail("there is no such folder")
