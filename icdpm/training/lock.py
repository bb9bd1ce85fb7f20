"""One run a workdir at a time."""

import contextlib
import fcntl
from pathlib import Path

from icdpm.errors import IcdpmError


@contextlib.contextmanager
def locked(workdir):
    """Holds the workdir for this process; the system releases it however the process ends.

    Raises:
      IcdpmError: another run holds it, or it cannot be written.
    """
    path = Path(workdir) / ".lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "w")
    except OSError as error:
        raise IcdpmError(f"cannot write in the workdir {workdir}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IcdpmError(f"another run is training in {workdir}; wait for it or choose another workdir") from error
        yield
