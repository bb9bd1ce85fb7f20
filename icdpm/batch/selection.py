"""Selects images from files, folders, patterns and standard input, and divides them into shards."""

from __future__ import annotations

import dataclasses
import fnmatch
import glob
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from icdpm.errors import IcdpmError
from icdpm.images.formats import SUFFIXES
from icdpm.images.search import has_image_suffix, is_hidden, list_folder, normalize_name, walk_files
from icdpm.storage import RemotePath, is_remote, storage_path

STANDARD_STREAM = "-"


@dataclasses.dataclass(frozen=True)
class SelectedImage:
    """An image to restore.

    Attributes:
      source: Path of the image, local or remote; `None` for standard input.
      relative_path: Path of the restored image below the output folder: the image's path below the folder or pattern that
        selected it.
      is_explicit: whether the image was given by its own name, not found in a folder or by a pattern.
    """

    source: Path | RemotePath | None
    relative_path: PurePath
    is_explicit: bool


@dataclasses.dataclass(frozen=True)
class Selection:
    """The images that a command's arguments select.

    Attributes:
      images: the images, each once.
      ignored: number of files found without the file name extension of an image format.
      notices: A sentence for each link to a folder that was found and not followed.
    """

    images: list[SelectedImage]
    ignored: int
    notices: list[str]


@dataclasses.dataclass(frozen=True)
class Shard:
    """One of `count` disjoint parts of the images, numbered from 0.

    The part of an image depends on its relative path alone, so that it stays the same when other images are added, removed or
    restored.
    """

    number: int
    count: int

    def contains(self, relative_path: PurePath) -> bool:
        """Returns whether an image with this `SelectedImage.relative_path` belongs to the shard."""
        digest = hashlib.sha256(os.fsencode(normalize_name(relative_path.as_posix()))).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number


def parse_shard(text: str) -> Shard:
    """Returns the Shard of a text such as '0/4', the first of four. Raises IcdpmError for an invalid text."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not match or not int(match[1]) < int(match[2]):
        raise IcdpmError(f"a shard must be INDEX/COUNT, counted from 0: 0/4 to 3/4 are four shards. Received: {text!r}")
    return Shard(int(match[1]), int(match[2]))


def select_images(arguments: Sequence[str], exclude: str | os.PathLike | None = None) -> Selection:
    """Selects the images of a command's arguments.

    A symbolic link to an image is restored under the link's name. A link to a folder is followed only if an argument names it,
    because links may form circles. Hidden files and folders and those of the system are skipped (`icdpm.images.search`).

    Args:
      arguments: paths of images; folders, searched with their subfolders; patterns with *, ?, [] or ** that match images or
        folders; URLs of these in remote storage (there without **); '-' for standard input.
      exclude: folder that is not searched, as the folder of the restored images may lie among the images.

    Raises:
      IcdpmError: an argument is empty, a pattern matches nothing, a folder cannot be read, or no image was found.
    """
    search = _Search(exclude)
    selected: dict = {}
    ignored = set()
    for argument in arguments:
        if not argument:
            raise IcdpmError("the name of an image is empty; give a file, a folder, a pattern, or - for standard input")
        if argument == STANDARD_STREAM:
            selected.setdefault(None, SelectedImage(None, Path(), is_explicit=True))
            continue
        root, found = search.expand(argument)
        for path in found:
            key = os.fspath(path) if is_remote(path) else os.path.abspath(path)
            if root is None:
                selected.setdefault(key, SelectedImage(path, Path(path.name), is_explicit=True))
            elif has_image_suffix(path):
                selected.setdefault(key, SelectedImage(path, path.relative_to(root), is_explicit=False))
            else:
                ignored.add(key)
    notices = [f"{link} is a link to a folder and was skipped; name it to restore its images" for link in search.links]
    if not selected:
        nothing = f"{' '.join(arguments)}: no image was found; names of images end in {', '.join(SUFFIXES)}"
        raise IcdpmError("; ".join([nothing, *notices]))
    return Selection(list(selected.values()), len(ignored), notices)


class _Search:
    """Finds visible files in folders and by patterns.

    Attributes:
      links: {link to a folder that was found and not followed: None}, in order.
    """

    def __init__(self, exclude):
        self.links = {}
        self._exclude = exclude if exclude is None else storage_path(exclude)
        if isinstance(self._exclude, Path):
            self._exclude = Path(os.path.realpath(exclude))

    def expand(self, argument: str) -> tuple[Any, list]:
        """Finds the files of a name or pattern.

        Returns:
          (the folder that relative paths start from, or None if `argument` is the name of a file; the paths).

        Raises:
          IcdpmError: A pattern matches nothing, or a folder cannot be read.
        """
        if is_remote(argument):
            return self._expand_remote(storage_path(argument))
        if os.path.isdir(argument):
            return Path(argument), self._walk_files(argument)
        # An existing file whose name contains brackets is not a pattern.
        if os.path.lexists(argument) or not glob.has_magic(argument):
            return None, [Path(argument)]
        # The folder before the first special character.
        parts = Path(argument).parts
        first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
        root = Path(*parts[:first])
        known = len(self.links)
        matches = sorted(self._match(root, parts[first:]))
        if not matches and len(self.links) == known:
            raise IcdpmError(f"{argument} matches nothing; check the pattern")
        found: list[Path] = []
        for match in matches:
            found += self._walk_files(match) if os.path.isdir(match) else [match]
        return root, found if self._is_excluded(root) else [path for path in found if not self._is_excluded(path.parent)]

    def _expand_remote(self, argument):
        try:
            if argument.is_dir():
                return argument, self._without_excluded(_visible(argument.walk_files(), argument))
            if argument.exists() or not glob.has_magic(str(argument)):
                return None, [argument]
            root = next(parent for parent in argument.parents if not glob.has_magic(str(parent)))
            found = []
            for match in argument.glob():
                found += _visible(match.walk_files(), match) if match.is_dir() else [match]
        except OSError as error:
            raise IcdpmError(f"{error.filename} cannot be searched for images: {error.strerror}") from error
        if not found:
            raise IcdpmError(f"{argument} matches nothing; check the pattern")
        return root, self._without_excluded(found)

    def _without_excluded(self, paths):
        return [path for path in paths if self._exclude not in path.parents]

    def _match(self, folder, pattern):
        """Yields the matches of a pattern's parts in a folder as `glob.glob` does, without links to folders."""
        if not pattern:
            yield folder
            return
        part, rest = pattern[0], pattern[1:]
        if not glob.has_magic(part):
            if os.path.lexists(folder / part):
                yield from self._match(folder / part, rest)
        elif os.path.isdir(folder):
            folders, files = list_folder(folder)
            if part == "**":
                yield from self._match(folder, rest)
                # A trailing ** matches the folder, which stands for all files below it.
                for name in folders if rest else ():
                    if self._is_no_link(folder / name):
                        yield from self._match(folder / name, pattern)
            else:
                names = _list_all(folder) if part.startswith(".") else folders + files
                for name in fnmatch.filter(names, part):
                    if self._is_no_link(folder / name):
                        yield from self._match(folder / name, rest)

    def _walk_files(self, folder):
        def enter(subfolder):
            return self._is_no_link(subfolder) and Path(os.path.realpath(subfolder)) != self._exclude

        return list(walk_files(Path(folder), enter))

    def _is_no_link(self, path):
        """Returns whether a path is not a link to a folder, and records one that is."""
        is_link = os.path.islink(path) and os.path.isdir(path)
        if is_link:
            self.links[path] = None
        return not is_link

    def _is_excluded(self, folder):
        real = Path(os.path.realpath(folder))
        return self._exclude is not None and self._exclude in (real, *real.parents)


def _list_all(folder):
    """Returns the names of all entries of a folder, for a pattern that starts with a dot."""
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise IcdpmError(f"{folder} cannot be searched for images: {error.strerror}") from error


def _visible(paths, folder):
    return [path for path in paths if not any(map(is_hidden, path.relative_to(folder).parts))]
