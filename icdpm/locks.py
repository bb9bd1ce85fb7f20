"""Work that only one process may do at a time."""

import contextlib
import fcntl
from pathlib import Path


@contextlib.contextmanager
def locked(path, on_held):
    """Holds a lock through the block; the system releases it however the process ends.

    Args:
      path: of the lock's file, which is made, with its folder, and stays.
      on_held: called where another process holds the lock. What it raises goes to the caller; where it returns, the other
        process is waited for.

    Raises:
      OSError: the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_held()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
