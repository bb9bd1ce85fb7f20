"""Arrays that take long to make, kept on disk between runs."""

from __future__ import annotations

import os
import pathlib
import zipfile
from collections.abc import Callable

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm_datasets.console import warn

Arrays = dict[str, np.ndarray]


def cache_folder() -> pathlib.Path:
    """Where made arrays are kept: the environment's ICDPM_CACHE, or ~/.cache/icdpm."""
    return pathlib.Path(os.environ.get("ICDPM_CACHE") or "~/.cache/icdpm").expanduser()


def kept(name: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays kept as `name`.npz in the cache folder; where there are none, those that `make` returns, then kept.

    A damaged file is made anew. A cache that cannot be written costs one warning: the arrays are returned all the same.
    `name` has to change whenever what `make` returns does.
    """
    path = cache_folder() / f"{name}.npz"
    arrays = _read(path)
    if arrays is None:
        arrays = make()
        try:
            with write_atomically(path) as temporary:
                np.savez(temporary, **arrays)
        except IcdpmError as error:
            warn(f"{error}: the pictures will be made again next time")
    return arrays


def _read(path: pathlib.Path) -> Arrays | None:
    """The arrays of an .npz file; None where the file is absent or damaged."""
    try:
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        warn(f"{path} cannot be read ({error}): the pictures are made again")
        return None
