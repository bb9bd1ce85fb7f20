"""Room on the disk, asked for before it is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from icdpm.errors import IcdpmError


def require_room(folder: Path, size: int) -> None:
    """Raises IcdpmError where the file system of `folder`, which need not exist yet, has less than `size` bytes free."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < size:
        needed, free = f"{size / 1e6:,.0f} MB", f"{free / 1e6:,.0f} MB"
        raise IcdpmError(f"{folder}: {needed} are needed and {free} are free; make room or choose another disk")
