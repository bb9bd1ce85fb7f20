"""Search of folders for image files, by one rule for all commands.

Hidden files and folders and the folders that systems and programs keep for themselves are skipped, and only files are images:
neither a folder whose name ends in .png nor a pipe is one. A folder that a user names is searched even if its own name is
hidden.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

from icdpm.errors import IcdpmError
from icdpm.images.formats import SUFFIXES

# Trash, thumbnails, snapshots and indexes of Windows, macOS, Linux, and storage devices of Synology and QNAP; in lower case.
_SYSTEM_FOLDERS = {
    "$recycle.bin",
    "recycler",
    "system volume information",
    "thumbs",
    "__macosx",
    "temporary items",
    "network trash folder",
    "lost+found",
    "@eadir",
    "@tmp",
    "@recycle",
    "@recently-snapshot",
    "#recycle",
    "#snapshot",
}


def is_hidden(name: str) -> bool:
    """Returns whether a file or folder of this name, without its path, is hidden or belongs to the system."""
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS


def normalize_name(name: str) -> str:
    """Returns a name in Unicode's composed form (NFC), by which names are compared.

    macOS and some programs store é as e and an accent (NFD), others as one character. Both are one name.
    """
    return unicodedata.normalize("NFC", name)


def has_image_suffix(path: PurePath) -> bool:
    """Returns whether a path has the file name extension of an image format."""
    return path.suffix.lower() in SUFFIXES


def list_folder(folder: str | os.PathLike) -> tuple[list[str], list[str]]:
    """Returns the sorted names of a folder's visible subfolders, links to folders included, and of its visible files.

    A broken link counts as a file, so that the error of reading it names it. Other entries, such as pipes, are left out.

    Raises:
      IcdpmError: The folder cannot be read.
    """
    folders, files = [], []
    try:
        with os.scandir(os.fspath(folder)) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                # Not the methods of the entry, which raise an error for circular links.
                if os.path.isdir(entry.path):
                    folders.append(entry.name)
                elif os.path.isfile(entry.path) or (os.path.islink(entry.path) and not os.path.exists(entry.path)):
                    files.append(entry.name)
    except OSError as error:
        raise IcdpmError(f"{folder} cannot be searched for images: {error.strerror}") from error
    return sorted(folders), sorted(files)


def walk_files(folder: Path, enter: Callable[[Path], bool] | None = None) -> Iterator[Path]:
    """Yields the visible files of a folder and its subfolders: those of a folder by name, then those of its subfolders.

    Args:
      folder: Folder to search.
      enter: Returns whether to search a visible subfolder. Default: all except links, which may form circles.

    Raises:
      IcdpmError: A folder cannot be read.
    """
    folders, files = list_folder(folder)
    yield from (folder / name for name in files)
    for name in folders:
        if enter(folder / name) if enter else not os.path.islink(folder / name):
            yield from walk_files(folder / name, enter)


def find_image_files(folder: Path) -> list[Path]:
    """Returns the image files of a folder and its subfolders, sorted. Links to folders are not followed.

    Raises:
      IcdpmError: The folder does not exist or cannot be read, or contains no images.
    """
    if not folder.is_dir():
        raise IcdpmError(f"{folder} is not a folder." if os.path.lexists(folder) else f"The folder {folder} does not exist.")
    found = sorted(filter(has_image_suffix, walk_files(folder)))
    if not found:
        raise IcdpmError(f"{folder} has no images. Their names end in {', '.join(SUFFIXES)}.")
    return found
