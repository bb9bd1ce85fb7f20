"""Work divided among machines that do not know of each other."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re

from icdpm.errors import IcdpmError


@dataclasses.dataclass(frozen=True)
class Shard:
    """One of `count` parts, numbered from 0, that hold each photo exactly once.

    Whose a photo is follows from its own place alone, so it stays the same when others are added, removed or done.
    """

    number: int
    count: int

    def holds(self, place):
        """Whether a photo of this place (`icdpm.batch.selection.Selected`) is in it."""
        digest = hashlib.sha256(os.fsencode(place.as_posix())).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number


def read_shard(text):
    """The Shard that a text such as 0/4, the first of four, stands for. Raises IcdpmError for any other."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not match or not int(match[1]) < int(match[2]):
        raise IcdpmError(f"the shard {text!r} is not one of NUMBER/COUNT, counted from 0: 0/4 to 3/4 are the parts of four")
    return Shard(int(match[1]), int(match[2]))
