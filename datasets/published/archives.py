"""The files that a data set is published as, and whether a download of one is whole."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from icdpm.errors import IcdpmError
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
