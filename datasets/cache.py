"""Cache on disk for arrays that are slow to make."""

from __future__ import annotations

import os
import pathlib
import zipfile
from collections.abc import Callable

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.progress import print_warning

Arrays = dict[str, np.ndarray]


def cache_folder() -> pathlib.Path:
    """Returns the folder of the cache: the environment variable ICDPM_CACHE, or ~/.cache/icdpm."""
    return pathlib.Path(os.environ.get("ICDPM_CACHE") or "~/.cache/icdpm").expanduser()


def cached_arrays(name: str, make: Callable[[], Arrays]) -> Arrays:
    """Returns arrays from the cache, or makes and stores them.

    A damaged file is replaced. If the cache cannot be written, a warning is printed and the arrays are returned nevertheless.

    Args:
      name: name of the file without suffix. It must change whenever the result of `make` changes.
      make: function that returns {name: array}.
    """
    path = cache_folder() / f"{name}.npz"
    arrays = _read(path)
    if arrays is None:
        arrays = make()
        try:
            with write_atomically(path) as temporary:
                np.savez(temporary, **arrays)
        except IcdpmError as error:
            print_warning(f"{error} (the images will be made again next time)")
    return arrays


def _read(path: pathlib.Path) -> Arrays | None:
    """Returns the arrays of an .npz file; None if it is absent or damaged."""
    try:
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        print_warning(f"{path} cannot be read ({error}). The images are made again.")
        return None
