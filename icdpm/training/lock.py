"""One run a workdir at a time."""

import contextlib
from pathlib import Path

from icdpm import locks
from icdpm.errors import IcdpmError


@contextlib.contextmanager
def locked(workdir):
    """Holds the workdir for this process; the system releases it however the process ends.

    Raises:
      IcdpmError: another run holds it, or it cannot be written.
    """

    def refuse():
        raise IcdpmError(f"another run is training in {workdir}; wait for it or choose another workdir")

    with contextlib.ExitStack() as lock:
        try:
            lock.enter_context(locks.locked(Path(workdir) / ".lock", refuse))
        except OSError as error:
            raise IcdpmError(f"cannot write in the workdir {workdir}: {error.strerror}") from error
        yield
