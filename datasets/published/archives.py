"""The files that a data set is published as, and whether a download of one is whole."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import hashlib
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
from icdpm_datasets.console import warn

_BLOCK = 1 << 20  # bytes read at a time


@dataclasses.dataclass(frozen=True)
class Archive:
    """A published archive.

    Attributes:
      name: its file name.
      sha256: its checksum in hex, or None where none is known.
      confirmed: False where only one source gives the checksum: a mismatch is then a warning.
    """

    name: str
    sha256: str | None = None
    confirmed: bool = True


def verify_checksum(path: Path, archive: Archive, page: str) -> None:
    """Compares the file at `path` with the published checksum; says so where there is none to compare with.

    Raises IcdpmError, naming the official page to download it from again, where a confirmed checksum differs.
    """
    if archive.sha256 is None:
        warn(f"{path}: no checksum is known for {archive.name}; its contents are checked instead")
        return
    found = _sha256(path)
    if found == archive.sha256:
        return
    message = f"{path}: its sha256 is {found}, not {archive.sha256} as published"
    if archive.confirmed:
        raise IcdpmError(f"{message}; download it again from {page}")
    warn(f"{message}, but a single source gives that one; its contents are checked instead")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file, progress_bar(f"checksum of {path.name}", path.stat().st_size, "B") as bar:
        while block := file.read(_BLOCK):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()


def require_room(folder: Path, size: int) -> None:
    """Raises IcdpmError where the file system of `folder`, which need not exist yet, has less than `size` bytes free."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < size:
        needed, free = f"{size / 1e6:,.0f} MB", f"{free / 1e6:,.0f} MB"
        raise IcdpmError(f"{folder}: {needed} are needed and {free} are free; make room or choose another disk")


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
