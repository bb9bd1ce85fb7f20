"""Which photos a person means: files, folders, patterns, standard input."""

from __future__ import annotations

import dataclasses
import fnmatch
import glob
import hashlib
import os
import re
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.images.formats import SUFFIXES
from icdpm.storage import is_remote, storage_path

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


def select_images(arguments, leave_out=None):
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


class Search:
    """Finds visible files in folders and by patterns.

    Args:
      leave_out: a folder that is not searched, or None.

    Attributes:
      links: {link to a folder that was come across and not followed: None}, in order.
    """

    def __init__(self, leave_out):
        self.links = {}
        self._leave_out = leave_out if leave_out is None else storage_path(leave_out)
        if isinstance(self._leave_out, Path):
            self._leave_out = Path(os.path.realpath(leave_out))

    def expand(self, argument):
        """The files that a name or pattern stands for.

        Returns:
          (the folder that the places of what was found count from, or None where `argument` is a file's own name, the paths).

        Raises:
          IcdpmError: a pattern matches nothing, or a folder cannot be read.
        """
        if is_remote(argument):
            return self._expand_remotely(storage_path(argument))
        if os.path.isdir(argument):
            return Path(argument), self._walk_files(argument)
        # A name with brackets in it that is there is meant as it stands.
        if os.path.lexists(argument) or not glob.has_magic(argument):
            return None, [Path(argument)]
        # The folder in front of the first special character.
        parts = Path(argument).parts
        first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
        root = Path(*parts[:first])
        known = len(self.links)
        matches = sorted(self._matches(root, parts[first:]))
        if not matches and len(self.links) == known:
            raise IcdpmError(f"{argument} matches nothing; check the pattern")
        found = []
        for match in matches:
            found += self._walk_files(match) if os.path.isdir(match) else [match]
        return root, found if self._is_left_out(root) else [path for path in found if not self._is_left_out(path.parent)]

    def _expand_remotely(self, argument):
        """`expand` of a URL, whose storage has no links and knows no **."""
        try:
            if argument.is_dir():
                return argument, self._not_left_out(argument.walk_files())
            if argument.exists() or not glob.has_magic(str(argument)):
                return None, [argument]
            root = next(parent for parent in argument.parents if not glob.has_magic(str(parent)))
            found = []
            for match in argument.glob():
                found += match.walk_files() if match.is_dir() else [match]
        except OSError as error:
            raise IcdpmError(f"{error.filename} cannot be searched for photos: {error.strerror}") from error
        if not found:
            raise IcdpmError(f"{argument} matches nothing; check the pattern")
        return root, self._not_left_out(found)

    def _not_left_out(self, paths):
        return [path for path in paths if self._leave_out not in path.parents]

    def _matches(self, folder, pattern):
        """What matches the parts of a pattern in a folder, as `glob.glob` has it, links to folders left out."""
        if not pattern:
            yield folder
            return
        part, rest = pattern[0], pattern[1:]
        if not glob.has_magic(part):
            if os.path.lexists(folder / part):
                yield from self._matches(folder / part, rest)
        elif os.path.isdir(folder):
            _, folders, files = next(os.walk(folder, onerror=_refuse))
            if part == "**":
                yield from self._matches(folder, rest)
                # Where nothing follows, the folder stands for all that is below.
                for name in self._unlinked(folder, _visible(folders)) if rest else ():
                    yield from self._matches(folder / name, pattern)
            else:
                names = folders + files if part.startswith(".") else _visible(folders + files)
                for name in self._unlinked(folder, fnmatch.filter(names, part)):
                    yield from self._matches(folder / name, rest)

    def _walk_files(self, folder):
        found = []
        for parent, folders, files in os.walk(folder, onerror=_refuse):
            # In place, which is how os.walk is told where not to go.
            names = self._unlinked(parent, sorted(_visible(folders)))
            folders[:] = [name for name in names if Path(os.path.realpath(Path(parent, name))) != self._leave_out]
            found += [Path(parent, name) for name in sorted(_visible(files))]
        return found

    def _unlinked(self, folder, names):
        """Those of the names in a folder that are no links to folders, which are noted."""
        paths = [Path(folder, name) for name in names]
        links = {path: None for path in paths if os.path.islink(path) and os.path.isdir(path)}
        self.links.update(links)
        return [path.name for path in paths if path not in links]

    def _is_left_out(self, folder):
        real = Path(os.path.realpath(folder))
        return self._leave_out is not None and self._leave_out in (real, *real.parents)


def _refuse(error):
    raise IcdpmError(f"{error.filename} cannot be searched for photos: {error.strerror}") from error


def _visible(names):
    return [name for name in names if not name.startswith(".")]


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


def parse_shard(text):
    """The Shard that a text such as 0/4, the first of four, stands for. Raises IcdpmError for any other."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not match or not int(match[1]) < int(match[2]):
        raise IcdpmError(f"the shard {text!r} is not one of NUMBER/COUNT, counted from 0: 0/4 to 3/4 are the parts of four")
    return Shard(int(match[1]), int(match[2]))
