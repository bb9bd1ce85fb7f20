"""Atomic files and folders, which are either complete or absent, and locks between processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.storage import RemotePath, is_remote, storage_path


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path to write to. It becomes `path` if the block succeeds, and is removed if the block fails.

    An earlier file at `path` stays until the new one is complete and on the disk, and the new one has its permissions. Missing
    folders are created. For a path in remote storage (`icdpm.storage`) the temporary file is local.

        with write_atomically("out/photo.png") as temporary:
            image.save(temporary)

    Raises:
      IcdpmError: the path or its folder cannot be written.
    """
    if is_remote(path):
        with _upload_file(storage_path(path)) as temporary:
            yield temporary
        return
    # A link stays a link: its target is replaced. (Path.resolve raises an error for circular links.)
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise IcdpmError(f"cannot write {path}: it is not a regular file")
    # In the same folder, because a rename is atomic only within one file system. The end of the name is kept, because writers
    # choose the format by it; the whole name may already have the maximum length.
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
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        if _names_another_file(error, temporary):
            raise
        reason = os.strerror(error.errno) if error.errno else error
        raise IcdpmError(f"cannot write {path}: {reason}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def make_folder_atomically(path: str | os.PathLike, marker: str | None = None) -> Iterator[Path]:
    """Yields a temporary folder to fill. It becomes `path` if the block succeeds, and is removed if the block fails.

    Missing parent folders are created. Remote storage (`icdpm.storage`) cannot rename a folder atomically: there, the temporary
    folder is local and its files are uploaded one by one.

    Args:
      path: Path of the new folder.
      marker: name of the file in it that is uploaded last. A remote folder with this file is complete.

    Raises:
      IcdpmError: `path` already exists or cannot be written.
    """
    if is_remote(path):
        with _upload_folder(storage_path(path), marker) as temporary:
            yield temporary
        return
    target = Path(path).absolute()
    _check_absent(target)
    temporary = target.with_name(f".{secrets.token_hex(8)}-{target.name[-40:]}")
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise IcdpmError(f"cannot write in the folder {target.parent}: {error.strerror}") from error
    try:
        yield temporary
        _check_absent(target)
        temporary.rename(target)
    except OSError as error:
        if error.errno is None or _names_another_file(error, temporary):
            raise
        raise IcdpmError(f"cannot write {path}: {os.strerror(error.errno)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def mirrored_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a local folder that stands for `path`: the folder itself or, for remote storage, a temporary copy of it.

    New and changed files of a copy are uploaded at the end, also if the block fails or is interrupted.

    Raises:
      IcdpmError: the remote folder cannot be read or written.
    """
    remote = storage_path(path)
    if not isinstance(remote, RemotePath):
        yield remote
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = {}
        with _write_errors(remote):
            remote.check_writable()
            for file in remote.walk_files() if remote.is_dir() else ():
                copy = folder / file.relative_to(remote)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
                known[copy] = copy.stat().st_mtime_ns
        try:
            yield folder
        finally:
            with _write_errors(remote):
                for copy in sorted(folder.rglob("*")):
                    if copy.is_file() and known.get(copy) != copy.stat().st_mtime_ns:
                        (remote / copy.relative_to(folder).as_posix()).upload(copy)


def remove_folder(path: str | os.PathLike, marker: str) -> None:
    """Removes a folder of `make_folder_atomically`. A remote folder loses its marker first: it is incomplete from then on."""
    path = storage_path(path)
    if isinstance(path, RemotePath):
        (path / marker).unlink(missing_ok=True)
        path.rmtree()
    else:
        shutil.rmtree(path)


@contextlib.contextmanager
def file_lock(path: str | os.PathLike, on_wait: Callable[[], object] | None) -> Iterator[None]:
    """Holds a lock between processes during the block. The operating system releases it even if the process is killed.

    Args:
      path: Path of the lock file. The file and its folder are created; the file is removed after the block.
      on_wait: function that is called once if another process holds the lock. An exception of this function ends the wait; if
        it returns, this function waits for the other process.

    Raises:
      OSError: the lock file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        while True:
            with contextlib.ExitStack() as opened:
                file = opened.enter_context(open(path, "w"))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if on_wait is not None:
                        on_wait()
                        on_wait = None
                    fcntl.flock(file, fcntl.LOCK_EX)
                # The process that held the lock has removed its file, and a third one may hold a new file of that name.
                if _is_file_at(file, path):
                    held.push(opened.pop_all())
                    break
        held.callback(_remove_quietly, path)
        yield


def _is_file_at(file, path):
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _remove_quietly(path):
    with contextlib.suppress(OSError):
        path.unlink()


@contextlib.contextmanager
def _upload_file(target):
    """Yields a local temporary file that is uploaded to a `RemotePath` if the block succeeds."""
    if target.is_dir():
        raise IcdpmError(f"cannot write {target}: it is a folder")
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, target.name[-40:])
        temporary.touch()
        yield temporary
        with _write_errors(target):
            target.upload(temporary)


@contextlib.contextmanager
def _upload_folder(target, marker):
    """Yields a local temporary folder that is uploaded to a `RemotePath` if the block succeeds."""
    if target.exists():
        raise IcdpmError(f"{target} already exists; choose another name")
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
        with _write_errors(target):
            for path in sorted(files, key=lambda path: path.name == marker):
                (target / path.relative_to(folder).as_posix()).upload(path)


@contextlib.contextmanager
def _write_errors(target):
    try:
        yield
    except OSError as error:
        raise IcdpmError(f"cannot write {target}: {error.strerror or error}") from error


def _names_another_file(error, temporary):
    """Returns whether an OSError names a file that is neither the temporary file or folder nor in it."""
    return error.filename is not None and not str(error.filename).startswith(str(temporary))


def _check_absent(target):
    if os.path.lexists(target):
        raise IcdpmError(f"{target} already exists; choose another name")
