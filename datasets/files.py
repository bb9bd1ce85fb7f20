"""Files that are either whole or absent."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from icdpm.errors import IcdpmError


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`, which is renamed to it if the block succeeds and removed if it fails.

    A missing folder is made. Raises IcdpmError, naming the file, where the disk is full or the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        reason = error.strerror or error
        raise IcdpmError(f"{path}: cannot be written ({reason}); put it right and start again: it continues") from error
    finally:
        part.unlink(missing_ok=True)
