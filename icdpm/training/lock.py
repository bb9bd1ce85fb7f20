"""One run a workdir at a time."""

import contextlib

from icdpm.errors import IcdpmError
from icdpm.files import file_lock
from icdpm.storage import is_remote, storage_path


@contextlib.contextmanager
def locked(workdir):
    """Holds the workdir for this process; the system releases it however the process ends.

    In other storages nothing can be held so: there it is only seen to it that the workdir can be written, and a second run is
    noticed at its first checkpoint (`Checkpoints.save`).

    Raises:
      IcdpmError: another run holds it, or it cannot be written.
    """

    def refuse():
        raise IcdpmError(f"another run is training in {workdir}; wait for it or choose another workdir")

    path = storage_path(workdir)
    with contextlib.ExitStack() as lock:
        try:
            if is_remote(path):
                path.check_writable()
            else:
                lock.enter_context(file_lock(path / ".lock", refuse))
        except OSError as error:
            raise IcdpmError(f"cannot write in the workdir {workdir}: {error.strerror}") from error
        yield
