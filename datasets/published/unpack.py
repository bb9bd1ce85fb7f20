"""Unpacking of archives that may be damaged, hostile or only half unpacked before."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.progress import progress_bar
from icdpm_datasets.published.disk import require_room

_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


class _Member(NamedTuple):
    """A regular file in an archive."""

    name: str
    size: int
    entry: zipfile.ZipInfo | tarfile.TarInfo


def unpack(archive: Path, target: Path) -> None:
    """Unpacks a zip or tar file (compressed or not) into the folder `target`, which is made where it is missing.

    Nothing is written before every member's name has been checked. A file that is there already with the right size is
    kept, so that an interrupted run continues; each file appears under its name only when it is whole.

    Raises IcdpmError, naming the archive and the member, for a path that would leave `target`, for a link or a device,
    for a damaged or truncated archive, and for a full disk.
    """
    with _damage_named(archive):
        with _opened(archive) as (members, read):
            missing = [member for member in members if not _is_there(target / member.name, member.size)]
            size = sum(member.size for member in missing)
            require_room(target, size)
            with progress_bar(f"unpacking {archive.name}", size, "B") as bar:
                for member in missing:
                    with read(member.entry) as stream, write_atomically(target / member.name) as part:
                        with open(part, "wb") as file:
                            shutil.copyfileobj(stream, file)
                    bar.update(member.size)


@contextlib.contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise IcdpmError(f"{archive}: damaged or truncated ({error}); download it again") from error
    except RuntimeError as error:  # zipfile's, for compression methods that it lacks and for passwords
        raise IcdpmError(f"{archive}: cannot be unpacked here ({error}); unpack it and give the folder") from error


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[tuple]:
    """Gives the archive's members, checked, and a function that opens one for reading."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield [_zip_member(archive, entry) for entry in file.infolist() if not entry.is_dir()], file.open
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as file:
            yield [_tar_member(archive, entry) for entry in file.getmembers() if not entry.isdir()], file.extractfile
    else:
        raise IcdpmError(f"{archive}: neither a zip nor a tar file, or cut off; download it again")


def _zip_member(archive: Path, entry: zipfile.ZipInfo) -> _Member:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):  # 0: written on a system without such modes
        raise IcdpmError(f"{archive}: refused, as its member {entry.filename!r} is a link or a device")
    return _checked(archive, entry.filename, entry.file_size, entry)


def _tar_member(archive: Path, entry: tarfile.TarInfo) -> _Member:
    if not entry.isreg():
        raise IcdpmError(f"{archive}: refused, as its member {entry.name!r} is a link or a device")
    return _checked(archive, entry.name, entry.size, entry)


def _checked(archive: Path, name: str, size: int, entry) -> _Member:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name:
        raise IcdpmError(f"{archive}: refused, as its member {name!r} would be written outside the target folder")
    return _Member(str(path), size, entry)


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
