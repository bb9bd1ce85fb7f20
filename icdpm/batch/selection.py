"""Which photos a person means: files, folders, patterns, standard input."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from icdpm.batch.search import Search
from icdpm.errors import IcdpmError
from icdpm.images.formats import SUFFIXES
from icdpm.storage import is_remote

STANDARD_STREAM = "-"


@dataclasses.dataclass(frozen=True)
class Selected:
    """A photo to restore.

    Attributes:
      source: its path, of either kind of `icdpm.storage`, or None for standard input.
      place: its path below a folder that restored photos go to, the folders between it and what was selected included.
      alone: whether it was given by its own name, not found in a folder or by a pattern.
    """

    source: Path | None
    place: Path
    alone: bool


@dataclasses.dataclass(frozen=True)
class Selection:
    """What a command's arguments stand for.

    Attributes:
      photos: each once.
      ignored: the number of files found that are left alone, as their suffix is not a picture's.
      left_out: a sentence for each link to a folder that was found and not followed.
    """

    photos: list[Selected]
    ignored: int
    left_out: list[str]


def select_photos(arguments, leave_out=None):
    """The photos that a command's arguments stand for, each name of a file once.

    A link to a photo is a photo of its own name. Links to folders are followed where an argument names them, not where they
    are come across: they may lead around in circles.

    Args:
      arguments: strings: photos; folders, searched with the folders in them; patterns with *, ?, [] or **, of photos
        and folders; URLs of these in other storages (there without **); `-` for standard input.
      leave_out: a folder that is not searched (that of the restored photos may lie among the photos).

    Returns:
      A Selection. Hidden files and folders are not looked at.

    Raises:
      IcdpmError: an argument is empty, a pattern matches nothing, a folder cannot be read, or no picture was found at all.
    """
    search = Search(leave_out)
    selected, ignored = {}, set()
    for argument in arguments:
        if not argument:
            raise IcdpmError("the name of a photo is empty; give a file, a folder, a pattern, or - for standard input")
        if argument == STANDARD_STREAM:
            selected.setdefault(None, Selected(None, Path(), alone=True))
            continue
        root, found = search.expand(argument)
        for path in found:
            key = os.fspath(path) if is_remote(path) else os.path.abspath(path)
            if root is None:
                selected.setdefault(key, Selected(path, Path(path.name), alone=True))
            elif path.suffix.lower() in SUFFIXES:
                selected.setdefault(key, Selected(path, path.relative_to(root), alone=False))
            else:
                ignored.add(key)
    left_out = [f"{link} is a link to a folder and left out; name it to restore what is in it" for link in search.links]
    if not selected:
        nothing = f"{' '.join(arguments)}: no picture was found; pictures end in {', '.join(SUFFIXES)}"
        raise IcdpmError("; ".join([nothing, *left_out]))
    return Selection(list(selected.values()), len(ignored), left_out)
