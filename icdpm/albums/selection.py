"""Which photos a person means: files, folders, patterns, standard input."""

from __future__ import annotations

import dataclasses
import glob
import os
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.photos.formats import SUFFIXES

STANDARD_STREAM = "-"


@dataclasses.dataclass(frozen=True)
class Selected:
    """A photo to restore.

    Attributes:
      source: its path, or None for standard input.
      place: its path below a folder that restored photos go to, the folders between it and what was selected included.
      alone: whether it was given by its own name, not found in a folder or by a pattern.
    """

    source: Path | None
    place: Path
    alone: bool


def select_photos(arguments, leave_out=None):
    """The photos that a command's arguments stand for, each once.

    Args:
      arguments: strings: photos; folders, searched with the folders in them; patterns with *, ?, [] or **, of photos
        and folders; `-` for standard input.
      leave_out: a folder that is not searched (that of the restored photos may lie among the photos).

    Returns:
      ([Selected], the number of files found that are left alone, as their suffix is not a picture's). Hidden files and
      folders are not looked at.

    Raises:
      IcdpmError: a pattern matches nothing, a folder cannot be read, or no picture was found at all.
    """
    selected, ignored = {}, set()
    for argument in arguments:
        if argument == STANDARD_STREAM:
            selected.setdefault(None, Selected(None, Path(), alone=True))
            continue
        root, found = _expand(argument, leave_out and Path(leave_out).resolve())
        for path in found:
            if root is None:
                selected.setdefault(path.resolve(), Selected(path, Path(path.name), alone=True))
            elif path.suffix.lower() in SUFFIXES:
                selected.setdefault(path.resolve(), Selected(path, path.relative_to(root), alone=False))
            else:
                ignored.add(path.resolve())
    if not selected:
        raise IcdpmError(f"{' '.join(arguments)}: no picture was found; pictures end in {', '.join(SUFFIXES)}")
    return list(selected.values()), len(ignored)


def _expand(argument, leave_out):
    """(the folder that the places of what was found count from, or None for a photo's own name, the paths found)."""
    if os.path.isdir(argument):
        return Path(argument), _files_below(argument, leave_out)
    # A name with brackets in it that is there is meant as it stands.
    if os.path.lexists(argument) or not glob.has_magic(argument):
        return None, [Path(argument)]
    matches = sorted(glob.glob(argument, recursive=True))
    if not matches:
        raise IcdpmError(f"{argument} matches nothing; check the pattern")
    # The folder in front of the first special character.
    parts = Path(argument).parts
    root = Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])
    found = []
    for match in matches:
        found += _files_below(match, leave_out) if os.path.isdir(match) else [Path(match)]
    if leave_out not in (root / "any").resolve().parents:
        found = [path for path in found if leave_out not in path.resolve().parents]
    return root, found


def _files_below(folder, leave_out):
    def refuse(error):
        raise IcdpmError(f"{error.filename} cannot be searched for photos: {error.strerror}") from error

    found = []
    for parent, folders, files in os.walk(folder, onerror=refuse):
        # In place, which is how os.walk is told where not to go.
        folders[:] = sorted(name for name in _visible(folders) if Path(parent, name).resolve() != leave_out)
        found += [Path(parent, name) for name in sorted(_visible(files))]
    return found


def _visible(names):
    return [name for name in names if not name.startswith(".")]
