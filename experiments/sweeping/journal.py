"""What long measurements have measured so far: killed at any moment and started again, they go on from there."""

import json
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically


class Journal:
    """A file of lines of JSON, {"key": {...}, "values": {...}}, each appended as soon as it is known.

    Args:
      path: of the file; made where it is missing. A last line that a kill has torn is dropped.

    Raises:
      IcdpmError: another line cannot be read.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._values = {}
        if not self.path.exists():
            return
        *lines, torn = self.path.read_text().split("\n")
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                self._values[_text(entry["key"])] = entry["values"]
            except (ValueError, KeyError, TypeError) as error:
                raise IcdpmError(f"{self.path}, line {number}, is damaged; delete it, and it is measured again") from error
        if torn:
            with write_atomically(self.path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in lines))

    def get(self, key):
        """The values kept under a key (a flat dict), or None."""
        return self._values.get(_text(key))

    def add(self, key, values):
        """Keeps values (a flat dict) under a key."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a") as file:
            file.write(json.dumps({"key": key, "values": values}) + "\n")
        self._values[_text(key)] = values


def _text(key):
    return json.dumps(key, sort_keys=True)
