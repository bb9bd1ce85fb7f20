"""Files and folders that are either whole or absent."""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.storage import is_remote, storage_path


@contextlib.contextmanager
def write_atomically(path):
    """Gives a temporary path to write to, which becomes `path` if the block succeeds and vanishes if it fails.

    Whatever stood at `path` before stays until the new file is complete and on the disk. A missing folder is made. For a
    `path` in another storage (`icdpm.storage`) the temporary one is on this computer all the same.

        with write_atomically("out/photo.png") as temporary:
            picture.save(temporary)
    """
    if is_remote(path):
        with _uploaded(storage_path(path)) as temporary:
            yield temporary
        return
    # A link stays a link: what it points to is replaced. (Path.resolve would raise where links lead in a circle.)
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise IcdpmError(f"cannot write {path}: it is not a regular file")
    # In the same folder, as a rename is atomic only within one file system. Writers choose the format by the end of
    # the name, so it is kept; no more than that, as the name itself may be as long as a name can be.
    temporary = target.with_name(f".{secrets.token_hex(8)}-{target.name[-40:]}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise IcdpmError(f"cannot write in the folder {target.parent}: {error.strerror}") from error
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
    except OSError as error:
        if error.filename not in (None, str(temporary)):
            raise  # about another file, and it says which
        reason = os.strerror(error.errno) if error.errno else error
        raise IcdpmError(f"cannot write {path}: {reason}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def make_folder_atomically(path, marker=None):
    """Gives a new temporary folder to fill, which becomes `path` if the block succeeds and vanishes if it fails.

    A missing parent folder is made. For a `path` in another storage (`icdpm.storage`), where a folder cannot be renamed at
    once, the temporary one is on this computer, and its files are copied there one by one.

    Args:
      path: of the folder to be.
      marker: name of a file in it that is copied last: where that is, the folder is whole. None: any order.

    Raises:
      IcdpmError: there is something at `path` already, or it cannot be written.
    """
    if is_remote(path):
        with _uploaded_folder(storage_path(path), marker) as temporary:
            yield temporary
        return
    target = Path(path).absolute()
    _check_free(target)
    temporary = target.with_name(f".{secrets.token_hex(8)}-{target.name[-40:]}")
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise IcdpmError(f"cannot write in the folder {target.parent}: {error.strerror}") from error
    try:
        yield temporary
        _check_free(target)
        temporary.rename(target)
    except OSError as error:
        if error.errno is None:
            raise
        raise IcdpmError(f"cannot write {path}: {os.strerror(error.errno)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def mirrored_folder(path):
    """Gives a folder of this computer to work in that stands for `path`: itself or, for another storage, a temporary copy.

    What the copy then has is put there at the end, also if the block fails or is interrupted.

    Raises:
      IcdpmError: `path` cannot be read or written.
    """
    if not is_remote(path):
        yield Path(path)
        return
    remote = storage_path(path)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = {}
        with _told_of(remote):
            remote.check_writable()
            for file in remote.files_below() if remote.is_dir() else ():
                copy = folder / file.relative_to(remote)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
                known[copy] = copy.stat().st_mtime_ns
        try:
            yield folder
        finally:
            with _told_of(remote):
                for copy in sorted(folder.rglob("*")):
                    if copy.is_file() and known.get(copy) != copy.stat().st_mtime_ns:
                        (remote / copy.relative_to(folder).as_posix()).upload(copy)


def remove_folder(path, marker):
    """Removes a folder of `make_folder_atomically`, its marker first, as what is half removed is not whole."""
    path = storage_path(path)
    if is_remote(path):
        (path / marker).unlink(missing_ok=True)
        path.rmtree()
    else:
        shutil.rmtree(path)


@contextlib.contextmanager
def _uploaded(target):
    """Gives a temporary file on this computer, which is copied to a `RemotePath` if the block succeeds."""
    if target.is_dir():
        raise IcdpmError(f"cannot write {target}: it is a folder")
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, target.name[-40:])
        temporary.touch()
        yield temporary
        with _told_of(target):
            target.upload(temporary)


@contextlib.contextmanager
def _uploaded_folder(target, marker):
    """Gives a temporary folder on this computer, whose files are copied to a `RemotePath` if the block succeeds."""
    if target.exists():
        raise IcdpmError(f"{target} is there already; choose another name")
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
        with _told_of(target):
            for path in sorted(files, key=lambda path: path.name == marker):
                (target / path.relative_to(folder).as_posix()).upload(path)


@contextlib.contextmanager
def _told_of(target):
    try:
        yield
    except OSError as error:
        raise IcdpmError(f"cannot write {target}: {error.strerror or error}") from error


def _check_free(target):
    if os.path.lexists(target):
        raise IcdpmError(f"{target} is there already; choose another name")


@contextlib.contextmanager
def file_lock(path, on_held):
    """Holds a lock through the block; the system releases it however the process ends.

    Args:
      path: of the lock's file, which is made, with its folder, and stays.
      on_held: called where another process holds the lock. What it raises goes to the caller; where it returns, the other
        process is waited for.

    Raises:
      OSError: the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_held()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
