"""Files and folders that are either whole or absent."""

import contextlib
import os
import secrets
import shutil
from pathlib import Path

from icdpm.errors import IcdpmError


@contextlib.contextmanager
def write_atomically(path):
    """Gives a temporary path to write to, which becomes `path` if the block succeeds and vanishes if it fails.

    Whatever stood at `path` before stays until the new file is complete and on the disk. A missing folder is made.

        with write_atomically("out/photo.png") as temporary:
            picture.save(temporary)
    """
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
def make_folder_atomically(path):
    """Gives a new temporary folder to fill, which becomes `path` if the block succeeds and vanishes if it fails.

    A missing parent folder is made.

    Raises:
      IcdpmError: there is something at `path` already, or it cannot be written.
    """
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


def _check_free(target):
    if os.path.lexists(target):
        raise IcdpmError(f"{target} is there already; choose another name")
