"""Published weights that some metrics need: catalog, cache and download.

`icdpm-prepare weights` puts them into the cache; the metrics read them from there.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.progress import progress_bar
from icdpm.torch_file import read_tensors

_DOWNLOAD_PIECE = 1 << 18
_HASH_PIECE = 1 << 20
_TIMEOUT = 60
_INSTEAD = "try again later, or fetch it in another way and run icdpm-prepare weights --source=FILE"


class MetricUnavailable(IcdpmError):
    """Error of a metric that cannot be computed because something is missing; report the message in place of a number."""


class WeightsFile(NamedTuple):
    """Published file of weights.

    Attributes:
      name: in the cache.
      address: where it is published.
      size: in bytes.
      sha256: in hexadecimal.
    """

    name: str
    address: str
    size: int
    sha256: str


ALEXNET = WeightsFile(
    "alexnet-owt-7be5be79.pth",
    "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    244_408_911,
    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
)
VGG16 = WeightsFile(
    "vgg16-397923af.pth",
    "https://download.pytorch.org/models/vgg16-397923af.pth",
    553_433_881,
    "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
)
LPIPS_ALEX = WeightsFile(
    "lpips-v0.1-alex.pth",
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/alex.pth",
    6_009,
    "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
)
LPIPS_VGG = WeightsFile(
    "lpips-v0.1-vgg.pth",
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/vgg.pth",
    7_289,
    "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
)
# TensorFlow's graph of 2015-12-05, which defines FID, as published by its most used implementation.
INCEPTION = WeightsFile(
    "pt_inception-2015-12-05-6726825d.pth",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    95_628_359,
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)
# The parameters of the original release, exported from its MATLAB file.
NIQE = WeightsFile(
    "niqe_pris_params.npz",
    "https://raw.githubusercontent.com/XPixelGroup/BasicSR/master/basicsr/metrics/niqe_pris_params.npz",
    11_850,
    "2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296",
)

# The files of each metric that needs any.
WEIGHTS = {
    "niqe": [NIQE],
    "lpips_alex": [LPIPS_ALEX, ALEXNET],
    "lpips_vgg": [LPIPS_VGG, VGG16],
    "fid": [INCEPTION],
    "kid": [INCEPTION],
}


def weights_folder() -> Path:
    """Returns the cache of weights: `weights` in the environment's ICDPM_CACHE, or in ~/.cache/icdpm."""
    return Path(os.environ.get("ICDPM_CACHE") or "~/.cache/icdpm").expanduser() / "weights"


def load_weights(file: WeightsFile, prefix: str = "") -> dict[str, np.ndarray]:
    """Returns the arrays of a cached PyTorch file whose names start with `prefix`; raises as `cached_weights` does."""
    return read_tensors(cached_weights(file), prefix)


def cached_weights(file: WeightsFile) -> Path:
    """Returns the path of a file in the cache, after verifying its contents.

    Raises:
      MetricUnavailable: the file is not in the cache.
      IcdpmError: the file differs from the published one.
    """
    path = weights_folder() / file.name
    command = f"icdpm-prepare weights/{next(metric for metric, files in WEIGHTS.items() if file in files)}"
    if not path.is_file():
        raise MetricUnavailable(
            f"the weights {file.name} are not in {path.parent}: run {command}, and without a network add "
            f"--source=FILE, a copy of {file.address}"
        )
    if problem := _difference(path, file):
        raise IcdpmError(f"{path} {problem}; run {command} to replace it")
    return path


def prepare_weights(metric: str | None = None, source: str | os.PathLike | None = None) -> str:
    """Puts the weights of one metric, or of all, into the cache.

    Files that are there already are verified, and replaced if they are damaged.

    Args:
      metric: a name in `WEIGHTS`; None for all of them.
      source: a file to copy, or a folder to search, in place of downloading. Files are identified by their contents, not by
        their names.

    Returns:
      One line that names the files in the cache, and those that are still missing.

    Raises:
      IcdpmError: an unknown metric; a download that failed or differs from the published file; a source without any of the
        missing files.
    """
    if metric not in (None, *WEIGHTS):
        raise IcdpmError(f"The metrics that need weights are {', '.join(WEIGHTS)}. Received: weights/{metric}.")
    needed = dict.fromkeys(file for name, files in WEIGHTS.items() if metric in (None, name) for file in files)
    missing = [file for file in needed if not _is_cached(file)]
    if source is None:
        for file in missing:
            _download(file)
        missing = []
    elif missing:
        missing = _copy(missing, Path(source).expanduser())
    ready = ", ".join(file.name for file in needed if file not in missing)
    still = f"; still missing: {', '.join(file.name for file in missing)}" if missing else ""
    return f"ready: {ready} in {weights_folder()}{still}"


def _is_cached(file):
    path = weights_folder() / file.name
    return path.is_file() and _difference(path, file) is None


def _difference(path: str | os.PathLike, file: WeightsFile) -> str | None:
    """Describes how the file at a path differs from a published file; None if it does not."""
    size = os.stat(path).st_size
    if size != file.size:
        return f"has {size:,} bytes, not {file.size:,} as published"
    digest = hashlib.sha256()
    with open(path, "rb") as opened:
        while piece := opened.read(_HASH_PIECE):
            digest.update(piece)
    return None if digest.hexdigest() == file.sha256 else f"has the sha256 {digest.hexdigest()}, not {file.sha256} as published"


def _download(file):
    with write_atomically(weights_folder() / file.name) as temporary:
        with open(temporary, "wb") as written, progress_bar(file.name, file.size, "B") as bar:
            for piece in _pieces(file.address):
                written.write(piece)
                bar.update(len(piece))
        if problem := _difference(temporary, file):
            raise IcdpmError(f"the download of {file.address} {problem}; {_INSTEAD}")


def _pieces(address: str) -> Iterator[bytes]:
    """Yields the contents at an address piece by piece."""
    request = urllib.request.Request(address, headers={"User-Agent": "icdpm"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            while piece := response.read(_DOWNLOAD_PIECE):
                yield piece
    except (OSError, http.client.HTTPException) as error:
        raise IcdpmError(f"cannot download {address} ({_reason(error)}); {_INSTEAD}") from error


def _reason(error):
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError):
        error = error.reason
    return getattr(error, "strerror", None) or error


def _copy(missing: list[WeightsFile], source: Path) -> list[WeightsFile]:
    """Copies those of the missing files that are in `source`, and returns the others."""
    if not source.exists():
        raise IcdpmError(f"{source} does not exist")
    present = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    sizes = {path: path.stat().st_size for path in present}
    left = []
    for file in missing:
        copies = (path for path in present if sizes[path] == file.size and _difference(path, file) is None)
        if copy := next(copies, None):
            with write_atomically(weights_folder() / file.name) as temporary:
                shutil.copyfile(copy, temporary)
        else:
            left.append(file)
    if left == missing:
        names = ", ".join(f"{file.name} (sha256 {file.sha256[:8]}…)" for file in missing)
        raise IcdpmError(f"{source} has none of the missing weights as published: {names}")
    return left
