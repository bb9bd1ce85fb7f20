"""Archives of published data sets: checksums, and unpacking of archives that may be damaged, malicious or half unpacked."""

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
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.progress import print_warning, progress_bar

_BLOCK = 1 << 20  # bytes read at a time
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


@dataclasses.dataclass(frozen=True)
class Archive:
    """A published archive.

    Attributes:
      name: file name.
      sha256: checksum in hexadecimal, or None if it is unknown.
      confirmed: False if only one source gives the checksum. A mismatch is then a warning.
    """

    name: str
    sha256: str | None = None
    confirmed: bool = True


def read_checksums(path: Path) -> dict[str, str]:
    """Returns {file name: SHA-256} of a `checksums.tsv`, whose lines have URL, size, SHA-256 and file name (TFDS' format)."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return {name: sha256 for _, _, sha256, name in rows}


def verify_checksum(path: Path, archive: Archive, page: str) -> None:
    """Compares a file with the published checksum. Prints a warning if the checksum is unknown or unconfirmed.

    Args:
      path: the file.
      archive: the archive that it should be.
      page: the official page, for messages.

    Raises:
      IcdpmError: the file differs from a confirmed checksum.
    """
    if archive.sha256 is None:
        print_warning(f"{path}: no checksum of {archive.name} is known. Only its contents are checked.")
        return
    found = _sha256(path)
    if found == archive.sha256:
        return
    message = f"{path}: the sha256 is {found}, but the published one is {archive.sha256}."
    if archive.confirmed:
        raise IcdpmError(f"{message} Download it again from {page}")
    print_warning(f"{message} Only one source gives that checksum, so the contents decide.")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file, progress_bar(f"checksum of {path.name}", path.stat().st_size, "B") as bar:
        while block := file.read(_BLOCK):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()


def require_disk_space(folder: Path, size: int) -> None:
    """Raises IcdpmError if the disk of `folder`, which may not exist yet, has less than `size` bytes free."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < size:
        raise IcdpmError(
            f"{folder} needs {size / 1e6:,.0f} MB, but its disk has {free / 1e6:,.0f} MB free. Free some space or choose "
            "another disk."
        )


class _Member(NamedTuple):
    """A regular file in an archive."""

    name: str
    size: int
    entry: zipfile.ZipInfo | tarfile.TarInfo


def unpack(archive: Path, target: Path) -> None:
    """Unpacks a zip or tar file, compressed or not, into a folder, which is created if necessary.

    The names of all members are checked before anything is written. A file that exists with the right size is kept, so that an
    interrupted run continues. Each file gets its name when it is complete.

    Raises:
      IcdpmError: a member would leave the folder or is a link or a device, the archive is damaged, or the disk is full.
    """
    with _damage_as_errors(archive):
        with _open(archive) as (members, read):
            missing = [member for member in members if not _exists(target / member.name, member.size)]
            size = sum(member.size for member in missing)
            require_disk_space(target, size)
            with progress_bar(f"unpacking {archive.name}", size, "B") as bar:
                for member in missing:
                    with read(member.entry) as stream, write_atomically(target / member.name) as part:
                        with open(part, "wb") as file:
                            shutil.copyfileobj(stream, file)
                    bar.update(member.size)


@contextlib.contextmanager
def _damage_as_errors(archive: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise IcdpmError(f"{archive} is damaged or truncated ({error}). Download it again.") from error
    except RuntimeError as error:  # by zipfile, for unsupported compression and for passwords
        raise IcdpmError(f"{archive} cannot be unpacked here ({error}). Unpack it and give the folder.") from error


@contextlib.contextmanager
def _open(archive: Path) -> Iterator[tuple[list[_Member], Callable[..., Any]]]:
    """Yields the checked members of an archive, and a function that opens one for reading."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield [_zip_member(archive, entry) for entry in file.infolist() if not entry.is_dir()], file.open
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            yield [_tar_member(archive, entry) for entry in tar.getmembers() if not entry.isdir()], tar.extractfile
    else:
        raise IcdpmError(f"{archive} is neither a zip nor a tar file, or is truncated. Download it again.")


def _zip_member(archive: Path, entry: zipfile.ZipInfo) -> _Member:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):  # 0: written on a system without such modes
        raise IcdpmError(f"{archive} is refused: its member {entry.filename!r} is a link or a device.")
    return _checked_member(archive, entry.filename, entry.file_size, entry)


def _tar_member(archive: Path, entry: tarfile.TarInfo) -> _Member:
    if not entry.isreg():
        raise IcdpmError(f"{archive} is refused: its member {entry.name!r} is a link or a device.")
    return _checked_member(archive, entry.name, entry.size, entry)


def _checked_member(archive: Path, name: str, size: int, entry: zipfile.ZipInfo | tarfile.TarInfo) -> _Member:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name:
        raise IcdpmError(f"{archive} is refused: its member {name!r} would be written outside the target folder.")
    return _Member(str(path), size, entry)


def _exists(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
