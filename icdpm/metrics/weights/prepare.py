"""icdpm-prepare weights: puts files of weights into the cache, from their official places or from what one has."""

import http.client
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.metrics.weights.cache import difference, weights_folder
from icdpm.metrics.weights.catalog import NEEDED
from icdpm.progress import progress_bar

_PIECE = 1 << 18
_TIMEOUT = 60


def prepare_weights(metric=None, source=None):
    """Puts the weights of one metric, or of all, into the cache; what is there already is checked, and replaced if damaged.

    Args:
      metric: a name in the catalog's `NEEDED`; None for all of them.
      source: a file to take, or a folder to search, instead of downloading; what is in it is known by its contents,
        whatever its names.

    Returns:
      A line that says what is there now.

    Raises:
      IcdpmError: no such metric; a download failed or is not what was published; nothing missing is in `source`.
    """
    if metric not in (None, *NEEDED):
        raise IcdpmError(f"weights/{metric}: the metrics that need weights are {', '.join(NEEDED)}")
    needed = dict.fromkeys(file for name, files in NEEDED.items() if metric in (None, name) for file in files)
    missing = [file for file in needed if not _is_kept(file)]
    if source is None:
        for file in missing:
            _download(file)
        missing = []
    elif missing:
        missing = _take(missing, Path(source).expanduser())
    there = ", ".join(file.name for file in needed if file not in missing)
    still = f"; still missing: {', '.join(file.name for file in missing)}" if missing else ""
    return f"ready: {there} in {weights_folder()}{still}"


def _is_kept(file):
    path = weights_folder() / file.name
    return path.is_file() and difference(path, file) is None


def _download(file):
    with write_atomically(weights_folder() / file.name) as temporary:
        with open(temporary, "wb") as written, progress_bar(file.name, file.size, "B") as bar:
            for piece in _pieces(file.address):
                written.write(piece)
                bar.update(len(piece))
        if wrong := difference(temporary, file):
            raise IcdpmError(f"{file.address}: what was downloaded is not what was published, {wrong}; {_INSTEAD}")


_INSTEAD = "try again later, or fetch it in another way and run icdpm-prepare weights --source=FILE"


def _pieces(address):
    """The bytes at an address, piece by piece."""
    request = urllib.request.Request(address, headers={"User-Agent": "icdpm"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            while piece := response.read(_PIECE):
                yield piece
    except (OSError, http.client.HTTPException) as error:
        raise IcdpmError(f"cannot download {address} ({_reason(error)}): {_INSTEAD}") from error


def _reason(error):
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError):
        error = error.reason
    return getattr(error, "strerror", None) or error


def _take(missing, source):
    """Copies those of `missing` that are in `source`; returns the others."""
    if not source.exists():
        raise IcdpmError(f"{source}: there is no such file or folder")
    present = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    sizes = {path: path.stat().st_size for path in present}
    left = []
    for file in missing:
        copies = (path for path in present if sizes[path] == file.size and difference(path, file) is None)
        if copy := next(copies, None):
            with write_atomically(weights_folder() / file.name) as temporary:
                shutil.copyfile(copy, temporary)
        else:
            left.append(file)
    if left == missing:
        names = ", ".join(f"{file.name} (sha256 {file.sha256[:8]}…)" for file in missing)
        raise IcdpmError(f"{source}: none of the missing weights is in it, whole and as published: {names}")
    return left
