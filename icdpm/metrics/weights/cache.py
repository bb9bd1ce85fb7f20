"""The folder where weights are kept, each file under its name only once it is whole and right."""

import hashlib
import os
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.metrics.unavailable import MetricUnavailable
from icdpm.metrics.weights.catalog import NEEDED

_PIECE = 1 << 20


def weights_folder():
    """`weights` in the environment's ICDPM_CACHE, or in ~/.cache/icdpm."""
    return Path(os.environ.get("ICDPM_CACHE") or "~/.cache/icdpm").expanduser() / "weights"


def kept(file):
    """The path of a file of the catalog, whose contents are checked.

    Raises:
      MetricUnavailable: it is not there.
      IcdpmError: it is not what was published.
    """
    path = weights_folder() / file.name
    command = f"icdpm-prepare weights/{next(metric for metric, files in NEEDED.items() if file in files)}"
    if not path.is_file():
        raise MetricUnavailable(
            f"the weights {file.name} are not in {path.parent}: run {command}, and where there is no network add "
            f"--source=FILE, a copy from {file.address}"
        )
    if wrong := difference(path, file):
        raise IcdpmError(f"{path}: {wrong}; run {command} to replace it")
    return path


def difference(path, file):
    """What sets the file at `path` apart from `file` of the catalog, in words; None where nothing does."""
    size = path.stat().st_size
    if size != file.size:
        return f"it has {size:,} bytes, not {file.size:,} as published"
    found = _sha256(path)
    return None if found == file.sha256 else f"its sha256 is {found}, not {file.sha256} as published"


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
