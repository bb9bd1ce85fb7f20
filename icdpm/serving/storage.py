"""How much the page keeps."""

import contextlib
import threading
from pathlib import Path

from icdpm.errors import IcdpmError


class Storage:
    """A folder that may hold so much and no more.

    Args:
      folder: where photos, and what becomes of them, are kept.
      most_bytes: of all files in it.
      most_entries: how many files and folders it may hold.
    """

    def __init__(self, folder, most_bytes, most_entries):
        self._folder = Path(folder)
        self._most_bytes = most_bytes
        self._most_entries = most_entries
        self._promised = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def room(self, size):
        """Keeps room for so many bytes, which the block writes.

        Raises:
          IcdpmError: there is no room for them.
        """
        with self._lock:
            held, entries = self._held()
            if held + self._promised + size > self._most_bytes or entries >= self._most_entries:
                raise IcdpmError("this page holds as many photos as it may; try again later, when older ones have been deleted")
            self._promised += size
        try:
            yield
        finally:
            with self._lock:
                self._promised -= size

    def _held(self):
        """(bytes, files and folders)"""
        held = entries = 0
        for path in self._folder.rglob("*"):
            entries += 1
            # Others may delete it.
            with contextlib.suppress(FileNotFoundError):
                held += path.stat().st_size
        return held, entries
